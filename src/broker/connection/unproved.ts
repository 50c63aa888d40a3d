import { PacketType, ReasonCode } from '../../protocol/index.ts'
import type { Connection } from '../connection.ts'
import { Phase } from './phase.ts'
import { fail } from './refuse.ts'

/**
 * Counts the memory that the unfinished packet of a connection takes before CONNACK, and ends the connection if all such
 * take too much together. Anybody can send half a CONNECT, over as many connections as there may be. Small ones are let
 * in all the same, so that who sends large ones keeps nobody out.
 */
export function countUnproved(connection: Connection): void {
  const { core, decoder } = connection
  const bytes = connection.phase < Phase.Open ? decoder.unfinishedBytes : 0
  core.unprovedBytes += bytes - connection.unproved
  connection.unproved = bytes
  const { unprovedBytes, unprovedBytesEach } = core.settings.bounds
  if (bytes <= unprovedBytesEach || core.unprovedBytes <= unprovedBytes) return
  fail(connection, ReasonCode.QuotaExceeded, 'too much waits for CONNECT packets that are not whole')
}

/** Whether what came on a connection that is not open is to be handled. */
export function admits(connection: Connection, bytes: Uint8Array, start: number, end: number): boolean {
  if (connection.phase !== Phase.AwaitingConnect) return connection.phase < Phase.Open
  const wrong = connection.heard ? null : notConnect(bytes, start, end)
  connection.heard = true
  if (wrong !== null) fail(connection, ReasonCode.ProtocolError, wrong)
  return wrong === null
}

/** What the first bytes of a connection are, if they cannot be the beginning of a CONNECT packet [MQTT-3.1.0-1]; or null. */
function notConnect(bytes: Uint8Array, start: number, end: number): string | null {
  if (end === start || bytes[start] === PacketType.Connect << 4) return null
  const first = bytes.subarray(start, Math.min(end, start + LOOKED_AT))
  if (first[0] === TLS_HANDSHAKE && (first.length < 2 || first[1] === TLS_MAJOR))
    return 'it speaks TLS, and this listener does not'
  const word = String.fromCharCode(...first)
  if (/^(?:GET|PUT|POST|HEAD|OPTIONS|CONNECT|PRI) /.test(word)) return 'it speaks HTTP, and this listener does not'
  if (word.startsWith('PROXY ') || word.startsWith('\r\n\r\n\0'))
    return 'it speaks the PROXY protocol, and this listener does not'
  const type = first[0]! >> 4
  return type >= 1 && type <= 15 ? `${NAMES[type]} came before CONNECT` : 'what it speaks is not MQTT'
}

const LOOKED_AT = 8
const TLS_HANDSHAKE = 0x16
const TLS_MAJOR = 3

const NAMES: readonly string[] = Object.entries(PacketType).reduce<string[]>((names, [name, type]) => {
  names[type] = name.toUpperCase()
  return names
}, [])
