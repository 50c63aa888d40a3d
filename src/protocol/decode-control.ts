import { readConnect } from './decode-connect.ts'
import { readSubscribe, readUnsubscribe } from './decode-filters.ts'
import type { ProtocolError } from './errors.ts'
import {
  type AuthPacket,
  type ConnackPacket,
  type ControlPacket,
  type DisconnectPacket,
  PacketType,
  type SubackPacket,
  type UnsubackPacket,
} from './packets.ts'
import type { Reader } from './reader.ts'
import { ConnectReturnCode, ReasonCode, reasonCodeFits } from './reason-codes.ts'

/**
 * Reads a packet that is neither PUBLISH nor an acknowledgement of one; the reader stands after the fixed header. For
 * `filterBytesAtOnce` see `DecoderLimits`.
 */
export function readControl(type: number, reader: Reader, filterBytesAtOnce: number): ControlPacket {
  switch (type) {
    case PacketType.Connect:
      return readConnect(reader)
    case PacketType.Connack:
      return readConnack(reader)
    case PacketType.Subscribe:
      return readSubscribe(reader, filterBytesAtOnce)
    case PacketType.Suback:
      return readSuback(reader)
    case PacketType.Unsubscribe:
      return readUnsubscribe(reader, filterBytesAtOnce)
    case PacketType.Unsuback:
      return readUnsuback(reader)
    case PacketType.Pingreq:
      reader.expectEnd()
      return { type: PacketType.Pingreq }
    case PacketType.Pingresp:
      reader.expectEnd()
      return { type: PacketType.Pingresp }
    case PacketType.Disconnect:
      return readDisconnect(reader)
    case PacketType.Auth:
      return readAuth(reader)
    default:
      throw reader.malformed('There is no packet type 0', reader.start)
  }
}

function readConnack(reader: Reader): ConnackPacket {
  const flagsAt = reader.at
  const flags = reader.byte('Connect Acknowledge Flags')
  // MQTT 3.1 does not use this byte; later its bits 7-1 are reserved [MQTT-3.2.2-1].
  if (reader.version !== 3 && flags > 1) throw reader.malformed('A reserved Connect Acknowledge Flag is set', flagsAt)
  const reasonCode = reader.byte('Connect Reason Code')
  const known =
    reader.version === 5
      ? reasonCodeFits(PacketType.Connack, reasonCode)
      : reasonCode <= ConnectReturnCode.NotAuthorized
  if (!known) throw unknownReasonCode(reader, reasonCode, 'CONNACK')
  const properties = reader.properties(PacketType.Connack)
  reader.expectEnd()
  return { type: PacketType.Connack, sessionPresent: reader.version !== 3 && flags === 1, reasonCode, properties }
}

function readSuback(reader: Reader): SubackPacket {
  const packetId = reader.packetId()
  const properties = reader.properties(PacketType.Suback)
  const reasonCodes = readReasonCodes(reader, PacketType.Suback, 'SUBACK')
  return { type: PacketType.Suback, packetId, reasonCodes, properties }
}

function readUnsuback(reader: Reader): UnsubackPacket {
  const packetId = reader.packetId()
  const properties = reader.properties(PacketType.Unsuback)
  if (reader.version !== 5) {
    reader.expectEnd()
    return { type: PacketType.Unsuback, packetId, reasonCodes: [], properties }
  }
  const reasonCodes = readReasonCodes(reader, PacketType.Unsuback, 'UNSUBACK')
  return { type: PacketType.Unsuback, packetId, reasonCodes, properties }
}

function readReasonCodes(reader: Reader, type: PacketType, what: string): number[] {
  const codes: number[] = []
  if (reader.atEnd) throw reader.malformed(`The ${what} has no Reason Code`, reader.at)
  while (!reader.atEnd) {
    const code = reader.byte('Reason Code')
    // Below MQTT 5.0 there is one code for failure.
    const known = reasonCodeFits(type, code) && (reader.version === 5 || code <= ReasonCode.UnspecifiedError)
    if (!known) throw unknownReasonCode(reader, code, what)
    codes.push(code)
  }
  return codes
}

function readDisconnect(reader: Reader): DisconnectPacket {
  if (reader.version !== 5) reader.expectEnd()
  const reasonCode = reader.atEnd ? ReasonCode.NormalDisconnection : reader.byte('Reason Code')
  if (!reasonCodeFits(PacketType.Disconnect, reasonCode)) throw unknownReasonCode(reader, reasonCode, 'DISCONNECT')
  const properties = reader.atEnd ? {} : reader.properties(PacketType.Disconnect)
  reader.expectEnd()
  return { type: PacketType.Disconnect, reasonCode, properties }
}

function readAuth(reader: Reader): AuthPacket {
  if (reader.version !== 5) throw reader.malformed('There is no AUTH below MQTT 5.0', reader.start)
  if (reader.atEnd) return { type: PacketType.Auth, reasonCode: ReasonCode.Success, properties: {} }
  const reasonCode = reader.byte('Reason Code')
  if (!reasonCodeFits(PacketType.Auth, reasonCode)) throw unknownReasonCode(reader, reasonCode, 'AUTH')
  const properties = reader.properties(PacketType.Auth)
  reader.expectEnd()
  return { type: PacketType.Auth, reasonCode, properties }
}

/** The byte was just read. */
function unknownReasonCode(reader: Reader, code: number, what: string): ProtocolError {
  return reader.protocolError(`A ${what} has no reason code 0x${code.toString(16).padStart(2, '0')}`, reader.at - 1)
}
