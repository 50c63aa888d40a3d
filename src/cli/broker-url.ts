import { usageError } from './exit.ts'

/** What -L or MQTT_URL says; what it does not say is undefined. */
export interface BrokerUrl {
  readonly host: string
  readonly port: number | undefined
  readonly username: string | undefined
  readonly password: string | undefined
  readonly topic: string | undefined
}

const FORM = /^([a-z][a-z0-9+.-]*):\/\/(?:([^/]*)@)?(\[[0-9a-fA-F:.%]+\]|[^:/]*)(?::(\d+))?(?:\/(.*))?$/is

/** Always mention it: who asks for TLS must not be advised to send a password in the clear. */
const TUNNEL = 'let a TLS tunnel on this machine, such as stunnel, connect to the broker'

const ELSEWHERE: Readonly<Record<string, string>> = {
  mqtts: 'TLS is',
  ssl: 'TLS is',
  ws: 'WebSocket is',
  wss: 'WebSocket over TLS is',
}

/**
 * mqtt://[user[:password]@]host[:port][/topic]. Not the rules of the Web: the topic is taken as it stands, with its # and ?.
 * `name` is where it comes from, for the message of the usage error; a password is never in it.
 */
export function readBrokerUrl(url: string, name: string): BrokerUrl {
  const [, scheme = '', login, host = '', port, topic] = FORM.exec(url) ?? []
  const missing = ELSEWHERE[scheme.toLowerCase()]
  if (missing !== undefined)
    throw usageError(`${name}: ${missing} not in this version; ${missing.includes('TLS') ? TUNNEL : 'use mqtt://'}`)
  if (scheme.toLowerCase() !== 'mqtt' || host === '') {
    throw usageError(`${name} is not of the form mqtt://[user[:password]@]host[:port]/topic`)
  }
  const portNumber = port === undefined ? undefined : Number(port)
  if (portNumber !== undefined && (portNumber < 1 || portNumber > 65_535)) {
    throw usageError(`${name} has the port ${port}: use a number from 1 to 65535`)
  }
  const colon = login === undefined ? -1 : login.indexOf(':')
  return {
    host: host.replace(/^\[(.*)\]$/, '$1'),
    port: portNumber,
    username: login === undefined ? undefined : decoded(colon < 0 ? login : login.slice(0, colon)),
    password: colon < 0 ? undefined : decoded(login!.slice(colon + 1)),
    topic: topic === undefined || topic === '' ? undefined : topic,
  }
}

/** mosquitto's commands take a login as it stands, so a % that begins no escape is a percent sign. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
