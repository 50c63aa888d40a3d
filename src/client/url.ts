import { show } from '../arguments/index.ts'
import { MqttError } from './errors.ts'

/** Host, port and credentials of a URL. */
export interface Target {
  /** Without the brackets of an IPv6 address, and with its zone: 'fe80::1%eth0'. */
  readonly host: string
  readonly port: number
  readonly username: string | undefined
  readonly password: string | undefined
}

const DEFAULT_PORT = 1883
const LONGEST_SHOWN = 100
const FORM = 'mqtt://host[:port]'

/** Schemes that this version does not support. */
const NOT_YET: Readonly<Record<string, string>> = {
  'mqtts:': 'TLS is',
  'ssl:': 'TLS is',
  'tls:': 'TLS is',
  'ws:': 'WebSocket is',
  'wss:': 'WebSocket over TLS is',
  'mqtt+unix:': 'Unix sockets are',
  'unix:': 'Unix sockets are',
}

/** Advice for TLS. Never to use plain TCP instead: it would send the password in the clear. */
const TUNNEL = 'let a TLS tunnel on this machine, such as stunnel, connect to the broker'

/** '[fe80::1%25eth0]' (RFC 6874), or '%eth0' as people write it. */
const ZONE = /^([a-z+]+:\/\/(?:[^/@]*@)?\[[0-9a-f:.]+)%(?:25)?([^\]]+)\]/i

/** Reads mqtt://[user[:password]@]host[:port]. Throws MqttError ERR_URL, and never shows a password. */
export function readUrl(source: string | URL): Target {
  if (typeof source !== 'string' && !(source instanceof URL)) throw wrong(`The URL is ${show(source)}: use ${FORM}`)
  const zone = ZONE.exec(String(source))
  const url = parse(zone === null ? String(source) : String(source).replace(ZONE, '$1]'))
  const missing = NOT_YET[url.protocol]
  if (missing !== undefined) {
    const instead = missing.includes('TLS') ? TUNNEL : `use mqtt://${url.hostname || 'host'} (TCP, port 1883)`
    throw wrong(`${missing} not in this version: ${instead}`)
  }
  if (url.protocol !== 'mqtt:' && url.protocol !== 'tcp:')
    throw wrong(`${url.protocol}// is not an MQTT URL: use ${FORM}`)
  if (url.hostname === '') throw wrong(`The URL names no host: use ${FORM}`)
  if (url.port === '0') throw wrong('Port 0 cannot be connected to')
  if (url.pathname !== '' && url.pathname !== '/') {
    throw wrong(`The URL has the path ${show(url.pathname)}, and MQTT over TCP has none: leave it out`)
  }
  // What stands there may be half of a password, and is not shown.
  if (url.search !== '' || url.hash !== '') {
    throw wrong(
      "The URL has a part after '?' or '#': options are the second argument of connect(); in a password, escape them",
    )
  }
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
  return {
    host: zone === null ? host : `${host}%${decode(zone[2]!)}`,
    port: url.port === '' ? DEFAULT_PORT : Number(url.port),
    username: url.username === '' ? undefined : decode(url.username),
    password: url.password === '' ? undefined : decode(url.password),
  }
}

function parse(source: string): URL {
  const shown = source.replace(/^([a-z+]+:\/\/)?.*@/i, '$1...@').slice(0, LONGEST_SHOWN)
  if (!source.includes('://')) {
    // 'localhost:1883' would be taken for the scheme 'localhost'.
    throw wrong(`'${shown}' is not a URL: try mqtt://${shown.replace(/^(mqtt:)?\/*/i, '') || 'host'}`)
  }
  try {
    return new URL(source)
  } catch {
    throw wrong(`'${shown}' is not a URL: try ${FORM}`)
  }
}

function wrong(words: string, cause?: unknown): MqttError {
  return new MqttError('ERR_URL', words, { cause })
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch (cause) {
    throw wrong('User name, password or zone in the URL has a % that begins no escape: write %25', cause)
  }
}
