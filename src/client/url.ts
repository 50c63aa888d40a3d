import { MqttError } from './errors.ts'

/** Where a URL leads to. */
export interface Target {
  /** Without the brackets of an IPv6 address. */
  readonly host: string
  readonly port: number
  readonly username: string | undefined
  readonly password: string | undefined
}

const DEFAULT_PORT = 1883

/** Known ways to a broker that this version does not have. */
const NOT_YET: Readonly<Record<string, string>> = {
  'mqtts:': 'TLS is',
  'ssl:': 'TLS is',
  'tls:': 'TLS is',
  'ws:': 'WebSocket is',
  'wss:': 'WebSocket over TLS is',
  'mqtt+unix:': 'Unix sockets are',
  'unix:': 'Unix sockets are',
}

/** Never to leave it out: who asks for TLS must not be told to send a password in the clear. */
const TUNNEL = 'let a TLS tunnel on this machine, such as stunnel, connect to the broker'

/** Reads mqtt://[user[:password]@]host[:port]. Throws MqttError ERR_URL, and never shows a password. */
export function readUrl(source: string | URL): Target {
  const url = parse(source)
  const missing = NOT_YET[url.protocol]
  if (missing !== undefined) {
    const instead = missing.includes('TLS') ? TUNNEL : `use mqtt://${url.hostname || 'host'} (TCP, port 1883)`
    throw new MqttError('ERR_URL', `${missing} not in this version: ${instead}`)
  }
  if (url.protocol !== 'mqtt:' && url.protocol !== 'tcp:') {
    throw new MqttError('ERR_URL', `${url.protocol}// is no MQTT URL: use mqtt://host[:port]`)
  }
  if (url.hostname === '') throw new MqttError('ERR_URL', 'The URL names no host: use mqtt://host[:port]')
  if (url.port === '0') throw new MqttError('ERR_URL', 'Port 0 cannot be connected to')
  return {
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: url.port === '' ? DEFAULT_PORT : Number(url.port),
    username: url.username === '' ? undefined : decode(url.username),
    password: url.password === '' ? undefined : decode(url.password),
  }
}

function parse(source: string | URL): URL {
  try {
    return new URL(source)
  } catch {
    const shown = String(source).replace(/\/\/[^/]*@/, '//...@')
    const hint = shown.includes('://') ? 'mqtt://host[:port]' : `mqtt://${shown}`
    throw new MqttError('ERR_URL', `'${shown}' is no URL: try ${hint}`)
  }
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch (cause) {
    throw new MqttError('ERR_URL', 'User name or password in the URL has a % that begins no escape: write %25', {
      cause,
    })
  }
}
