import type { Properties } from './packets.ts'
import { type PropertyRow, rowOfName, WireType } from './properties.ts'
import type { Text } from './text.ts'
import { LARGEST_VARIABLE, variableLength, writeVariable } from './variable-byte-integer.ts'

const FIRST_SIZE = 1024
/** Of what one large packet made it grow to, no more than this is kept. */
const KEPT_SIZE = 65_536
const LONGEST_FIELD = 65_535

/** Collects what comes after a fixed header, field by field. What MQTT cannot carry is refused with a RangeError. */
export class Writer {
  bytes: Uint8Array = new Uint8Array(FIRST_SIZE)
  at = 0

  /** Forgets what was written. */
  clear(): void {
    this.at = 0
    if (this.bytes.length > KEPT_SIZE) this.bytes = new Uint8Array(FIRST_SIZE)
  }

  byte(value: number, what: string): void {
    const at = this.#room(1)
    this.bytes[at] = checkNumber(value, 0, 0xff, what)
  }

  twoBytes(value: number, what: string): void {
    checkNumber(value, 0, 0xffff, what)
    const at = this.#room(2)
    this.bytes[at] = value >> 8
    this.bytes[at + 1] = value
  }

  fourBytes(value: number): void {
    const at = this.#room(4)
    this.bytes[at] = value >>> 24
    this.bytes[at + 1] = value >>> 16
    this.bytes[at + 2] = value >>> 8
    this.bytes[at + 3] = value
  }

  variable(value: number, what: string): void {
    checkNumber(value, 0, LARGEST_VARIABLE, what)
    const at = this.#room(variableLength(value))
    writeVariable(this.bytes, at, value)
  }

  packetId(value: number): void {
    this.twoBytes(checkNumber(value, 1, 0xffff, 'Packet Identifier'), 'Packet Identifier')
  }

  string(value: string, what: string, text: Text): void {
    const length = textLength(value, what, text)
    const at = this.#room(2 + length)
    this.bytes[at] = length >> 8
    this.bytes[at + 1] = length
    text.encode(value, this.bytes, at + 2)
  }

  binary(value: Uint8Array, what: string): void {
    this.twoBytes(checkLength(value.length, what), what)
    const at = this.#room(value.length)
    this.bytes.set(value, at)
  }

  /**
   * Property Length and properties, in the order of the object's keys. The carrier is a packet type or WILL; a property
   * that it may not have is refused.
   */
  properties(properties: Properties, carrier: number, text: Text): void {
    const start = this.at
    this.propertyRun(properties, carrier, text, false)
    const length = this.at - start
    const prefix = variableLength(length)
    this.#room(prefix)
    this.bytes.copyWithin(start + prefix, start, start + length)
    writeVariable(this.bytes, start, length)
  }

  /** Properties without their length. With `lenient`, what the carrier may not have is left out instead of refused. */
  propertyRun(properties: Properties, carrier: number, text: Text, lenient: boolean): void {
    for (const [name, value] of Object.entries(properties)) {
      if (value === undefined) continue
      const row = rowOfName(name)
      if (row === undefined) throw new RangeError(`There is no property ${name}`)
      if ((row.carriers & (1 << carrier)) !== 0) this.#property(row, value, carrier, text)
      else if (!lenient) throw new RangeError(`The ${row.title} is no property of this packet`)
    }
  }

  #property(row: PropertyRow, value: unknown, carrier: number, text: Text): void {
    if (row.repeats === 0) {
      this.#value(row, value, text)
      return
    }
    const values = value as unknown[]
    if (values.length > 1 && (row.repeats & (1 << carrier)) === 0) {
      throw new RangeError(`The ${row.title} may come only once`)
    }
    for (const one of values) this.#value(row, one, text)
  }

  #value(row: PropertyRow, value: unknown, text: Text): void {
    this.byte(row.id, row.title)
    switch (row.wire) {
      case WireType.Byte:
        this.byte(checkNumber(value as number, row.minimum, row.maximum, row.title), row.title)
        break
      case WireType.Flag:
        this.byte(value === true ? 1 : 0, row.title)
        break
      case WireType.TwoBytes:
        this.twoBytes(checkNumber(value as number, row.minimum, row.maximum, row.title), row.title)
        break
      case WireType.FourBytes:
        this.fourBytes(checkNumber(value as number, row.minimum, row.maximum, row.title))
        break
      case WireType.VariableByte:
        this.variable(checkNumber(value as number, row.minimum, row.maximum, row.title), row.title)
        break
      case WireType.Text:
        if (row.name === 'responseTopic') checkTopicName(value as string, row.title)
        this.string(value as string, row.title, text)
        break
      case WireType.Binary:
        this.binary(value as Uint8Array, row.title)
        break
      default: {
        const [name, content] = value as [string, string]
        this.string(name, row.title, text)
        this.string(content, row.title, text)
      }
    }
  }

  /** Moves past `size` bytes, for which it makes room; returns where they begin. */
  #room(size: number): number {
    const at = this.at
    const needed = at + size
    if (needed > this.bytes.length) {
      const larger = new Uint8Array(Math.max(needed, 2 * this.bytes.length))
      larger.set(this.bytes)
      this.bytes = larger
    }
    this.at = needed
    return at
  }
}

export function checkNumber(value: number, minimum: number, maximum: number, what: string): number {
  if (Number.isInteger(value) && value >= minimum && value <= maximum) return value
  throw new RangeError(`The ${what} must be ${minimum} to ${maximum}, and is ${value}`)
}

function checkLength(length: number, what: string): number {
  if (length <= LONGEST_FIELD) return length
  throw new RangeError(`The ${what} has ${length} bytes; at most ${LONGEST_FIELD} are possible`)
}

/** The length in bytes of a text that may go on the wire [MQTT-1.5.4-1] [MQTT-1.5.4-2]. */
function textLength(value: string, what: string, text: Text): number {
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i)
    if (code === 0) throw new RangeError(`The ${what} has the character U+0000`)
    if (code >= 0xd800 && code <= 0xdfff) {
      const next = code < 0xdc00 ? value.charCodeAt(++i) : 0
      if (!(next >= 0xdc00 && next <= 0xdfff)) throw new RangeError(`The ${what} has half of a surrogate pair`)
    }
  }
  return checkLength(text.byteLength(value), what)
}

/** Refuses what is no Topic Name [MQTT-4.7.0-1] [MQTT-4.7.3-1]; of its characters, textLength judges. */
export function checkTopicName(value: string, what: string): void {
  if (value === '') throw new RangeError(`The ${what} is empty`)
  if (value.includes('+') || value.includes('#')) throw new RangeError(`The ${what} has a wildcard`)
}
