import { fourBytes, NOT_FORWARDABLE } from './check-properties.ts'
import { ProtocolError } from './errors.ts'
import { copyBytes } from './output.ts'
import type { Properties } from './packets.ts'
import { NO_ROW, PROPERTIES, type PropertyRow, rowNumber, WIRE_OF_ROW, WireType } from './properties.ts'
import { ReasonCode } from './reason-codes.ts'
import type { Text } from './text.ts'

type Values = Partial<Record<keyof Properties, unknown>>

/**
 * The properties in bytes[start..end), a run without its length which has been checked: from a PublishView, or from
 * encodeProperties. Throws a ProtocolError for a property that does not exist.
 */
export function decodeProperties(bytes: Uint8Array, start: number, end: number, text: Text): Properties {
  const properties: Values = {}
  let at = start
  while (at < end) {
    const number = knownRow(bytes, at, start)
    const next = valueEnd(bytes, at + 1, number)
    const row = PROPERTIES[number]!
    const value = readValue(bytes, at + 1, next, row, text)
    if (row.repeats === 0) properties[row.name] = value
    else append(properties, row.name, value)
    at = next
  }
  return properties as Properties
}

function append(properties: Values, name: keyof Properties, value: unknown): void {
  const list = properties[name] as unknown[] | undefined
  if (list === undefined) properties[name] = [value]
  else list.push(value)
}

function readValue(bytes: Uint8Array, at: number, end: number, row: PropertyRow, text: Text): unknown {
  switch (row.wire) {
    case WireType.Byte:
      return bytes[at]!
    case WireType.Flag:
      return bytes[at]! === 1
    case WireType.TwoBytes:
      return twoBytes(bytes, at)
    case WireType.FourBytes:
      return fourBytes(bytes, at)
    case WireType.VariableByte:
      return readVariable(bytes, at)
    case WireType.Text:
      return text.decode(bytes, at + 2, end)
    case WireType.Binary:
      return bytes.slice(at + 2, end)
    default: {
      const middle = at + 2 + twoBytes(bytes, at)
      return [text.decode(bytes, at + 2, middle), text.decode(bytes, middle + 2, end)]
    }
  }
}

/**
 * Copies the properties of a PUBLISH, bytes[start..end) without their length and checked, without those that are not
 * forwarded as they came: Topic Alias, Message Expiry Interval, Subscription Identifier. The rest keeps its order
 * [MQTT-3.3.2-18]. Returns how many bytes went into target from `at` on; there must be room for end - start.
 */
export function copyForwardableProperties(
  target: Uint8Array,
  at: number,
  bytes: Uint8Array,
  start: number,
  end: number,
): number {
  let to = at
  let runStart = start
  let from = start
  while (from < end) {
    const number = knownRow(bytes, from, start)
    const next = valueEnd(bytes, from + 1, number)
    if (((1 << number) & NOT_FORWARDABLE) !== 0) {
      copyBytes(target, to, bytes, runStart, from)
      to += from - runStart
      runStart = next
    }
    from = next
  }
  copyBytes(target, to, bytes, runStart, end)
  return to + end - runStart - at
}

function knownRow(bytes: Uint8Array, at: number, start: number): number {
  const number = rowNumber(bytes[at]!)
  if (number !== NO_ROW) return number
  throw new ProtocolError(ReasonCode.MalformedPacket, `There is no property ${bytes[at]}`, at - start)
}

function valueEnd(bytes: Uint8Array, at: number, number: number): number {
  switch (WIRE_OF_ROW[number]!) {
    case WireType.Byte:
    case WireType.Flag:
      return at + 1
    case WireType.TwoBytes:
      return at + 2
    case WireType.FourBytes:
      return at + 4
    case WireType.VariableByte: {
      let next = at
      while (bytes[next]! > 127) next++
      return next + 1
    }
    case WireType.TextPair: {
      const middle = at + 2 + twoBytes(bytes, at)
      return middle + 2 + twoBytes(bytes, middle)
    }
    default:
      return at + 2 + twoBytes(bytes, at)
  }
}

function twoBytes(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 8) | bytes[at + 1]!
}

function readVariable(bytes: Uint8Array, start: number): number {
  let value = 0
  for (let at = start, shift = 0; ; at++, shift += 7) {
    const byte = bytes[at]!
    value |= (byte & 127) << shift
    if (byte < 128) return value
  }
}
