import { malformed, malformedText, ProtocolError, protocolError } from './errors.ts'
import {
  NO_ROW,
  PROPERTIES,
  PropertyId,
  REPEATABLE_ROWS_IN,
  ROWS_IN,
  rowBit,
  rowNumber,
  WireType,
} from './properties.ts'
import { ReasonCode } from './reason-codes.ts'
import { malformedTextAt, wildcardAt } from './utf8.ts'
import { variableLength } from './variable-byte-integer.ts'

/**
 * What the last checkProperties found of the properties that a PUBLISH is handled by. Read it before the next call. Those to
 * forward lie in [forwardStart..forwardEnd), and if `forwardInOne`, no others do.
 */
export const found: {
  topicAlias: number
  messageExpiryInterval: number
  forwardStart: number
  forwardEnd: number
  forwardInOne: boolean
} = { topicAlias: 0, messageExpiryInterval: -1, forwardStart: 0, forwardEnd: 0, forwardInOne: true }

/**
 * Checks the properties in bytes[start..end) in one pass, making nothing: each is one that the carrier (a packet type, or
 * WILL) may have, comes once unless it may repeat, and has a value that it may have. Returns the mask of the rows seen.
 * Offsets in errors count from packetStart.
 */
export function checkProperties(
  bytes: Uint8Array,
  start: number,
  end: number,
  packetStart: number,
  carrier: number,
  maximumProperties: number,
): number {
  found.topicAlias = 0
  found.messageExpiryInterval = -1
  found.forwardStart = end
  found.forwardEnd = end
  found.forwardInOne = true
  const rows = ROWS_IN[carrier]!
  const repeatable = REPEATABLE_ROWS_IN[carrier]!
  let seen = 0
  let count = 0
  let at = start
  while (at < end) {
    const number = rowNumber(bytes[at]!)
    const bit = 1 << number
    if ((rows & bit) === 0) throw misplaced(bytes[at]!, number, at - packetStart)
    if ((seen & bit & ~repeatable) !== 0) {
      throw protocolError(`The ${title(number)} comes twice`, at - packetStart)
    }
    count++
    if (count > maximumProperties) {
      throw new ProtocolError(ReasonCode.QuotaExceeded, `More than ${maximumProperties} properties`, at - packetStart)
    }
    seen |= bit
    const next = checkValue(bytes, at + 1, end, packetStart, number)
    if ((bit & NOT_FORWARDABLE) === 0) noteForwardable(at, next, end)
    at = next
  }
  return seen
}

function noteForwardable(at: number, next: number, end: number): void {
  if (found.forwardStart === end) found.forwardStart = at
  else if (found.forwardEnd !== at) found.forwardInOne = false
  found.forwardEnd = next
}

/** Checks one value; returns where it ends. */
function checkValue(bytes: Uint8Array, at: number, end: number, packetStart: number, number: number): number {
  switch (PROPERTIES[number]!.wire) {
    case WireType.Byte:
    case WireType.Flag:
      if (at >= end) throw truncated(number, end - packetStart)
      checkNumber(bytes[at]!, at - packetStart, number)
      return at + 1
    case WireType.TwoBytes:
      if (at + 2 > end) throw truncated(number, end - packetStart)
      checkNumber((bytes[at]! << 8) | bytes[at + 1]!, at - packetStart, number)
      return at + 2
    case WireType.FourBytes:
      if (at + 4 > end) throw truncated(number, end - packetStart)
      checkNumber(fourBytes(bytes, at), at - packetStart, number)
      return at + 4
    case WireType.VariableByte:
      return checkVariable(bytes, at, end, packetStart, number)
    case WireType.Text:
      return checkText(bytes, at, end, packetStart, number)
    case WireType.Binary:
      return fieldEnd(bytes, at, end, packetStart, number)
    default:
      return checkText(bytes, checkText(bytes, at, end, packetStart, number), end, packetStart, number)
  }
}

function checkNumber(value: number, offset: number, number: number): void {
  const row = PROPERTIES[number]!
  if (value < row.minimum || value > row.maximum) {
    throw new ProtocolError(row.outside, `The ${row.title} is ${value}`, offset)
  }
  if (row.id === PropertyId.TopicAlias) found.topicAlias = value
  else if (row.id === PropertyId.MessageExpiryInterval) found.messageExpiryInterval = value
}

function checkVariable(bytes: Uint8Array, start: number, end: number, packetStart: number, number: number): number {
  let value = 0
  let at = start
  let byte = 0
  do {
    if (at >= end) throw truncated(number, end - packetStart)
    byte = bytes[at]!
    value |= (byte & 127) << (7 * (at - start))
    at++
  } while (byte > 127 && at - start < 4)
  if (byte > 127) throw malformed(`The ${title(number)} is longer than four bytes`, at - 1 - packetStart)
  if (at - start > variableLength(value)) {
    throw malformed(`The ${title(number)} takes more bytes than it needs`, at - 1 - packetStart) // [MQTT-1.5.5-1]
  }
  checkNumber(value, start - packetStart, number)
  return at
}

const RESPONSE_TOPIC = rowNumber(PropertyId.ResponseTopic)

function checkText(bytes: Uint8Array, at: number, end: number, packetStart: number, number: number): number {
  const next = fieldEnd(bytes, at, end, packetStart, number)
  const wrong = malformedTextAt(bytes, at + 2, next)
  if (wrong >= 0) throw malformedText(bytes, wrong, packetStart, title(number))
  if (number === RESPONSE_TOPIC) checkResponseTopic(bytes, at + 2, next, packetStart)
  return next
}

/** It is a Topic Name: not empty [MQTT-4.7.3-1], no wildcards [MQTT-3.3.2-14]. */
function checkResponseTopic(bytes: Uint8Array, start: number, end: number, packetStart: number): void {
  if (start === end) throw protocolError('The Response Topic is empty', start - packetStart)
  const wildcard = wildcardAt(bytes, start, end)
  if (wildcard >= 0) throw protocolError('The Response Topic has a wildcard', wildcard - packetStart)
}

function fieldEnd(bytes: Uint8Array, at: number, end: number, packetStart: number, number: number): number {
  if (at + 2 > end) throw truncated(number, end - packetStart)
  const next = at + 2 + ((bytes[at]! << 8) | bytes[at + 1]!)
  if (next > end) throw truncated(number, end - packetStart)
  return next
}

function title(number: number): string {
  return PROPERTIES[number]!.title
}

function truncated(number: number, offset: number): ProtocolError {
  return malformed(`The properties end within the ${title(number)}`, offset)
}

function misplaced(id: number, number: number, offset: number): ProtocolError {
  if (number !== NO_ROW) return malformed(`The ${title(number)} is no property of this packet`, offset)
  return malformed(`There is no property 0x${id.toString(16).padStart(2, '0')}`, offset)
}

export function fourBytes(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0
}

/** In the masks that checkProperties returns. */
export const SUBSCRIPTION_IDENTIFIER: number = rowBit(PropertyId.SubscriptionIdentifier)
/** What a server does not forward as it came: it is for the receiver alone, or changes on the way. */
export const NOT_FORWARDABLE: number =
  SUBSCRIPTION_IDENTIFIER | rowBit(PropertyId.TopicAlias) | rowBit(PropertyId.MessageExpiryInterval)

/** Throws unless bytes[start..end), the `what`, is well-formed text without wildcards [MQTT-4.7.0-1]. */
export function checkTopicName(bytes: Uint8Array, start: number, end: number, packetStart: number, what: string): void {
  const wrong = malformedTextAt(bytes, start, end)
  if (wrong >= 0) throw malformedText(bytes, wrong, packetStart, what)
  const wildcard = wildcardAt(bytes, start, end)
  if (wildcard >= 0) {
    throw new ProtocolError(ReasonCode.TopicNameInvalid, `The ${what} has a wildcard`, wildcard - packetStart)
  }
}
