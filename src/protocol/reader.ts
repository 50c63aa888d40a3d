import { checkProperties, checkTopicName } from './check-properties.ts'
import { malformed, malformedText, type ProtocolError, protocolError } from './errors.ts'
import type { Properties, ProtocolVersion } from './packets.ts'
import { decodeProperties } from './read-properties.ts'
import type { Text } from './text.ts'
import { malformedTextAt } from './utf8.ts'
import { variableLength } from './variable-byte-integer.ts'

/** Reads one packet field by field: those that become objects, and so need no haste. */
export class Reader {
  readonly bytes: Uint8Array
  /** The packet's first byte; offsets in errors count from it. */
  readonly start: number
  readonly end: number
  at: number
  /** Of the Network Connection; a CONNECT sets it as soon as it is known. */
  version: ProtocolVersion
  /** The bytes are nobody else's, and stay as they are. */
  ours = false
  readonly #text: Text
  readonly #maximumProperties: number

  /** For the packet bytes[start..end), whose fixed header ends at `at`. */
  constructor(
    bytes: Uint8Array,
    start: number,
    at: number,
    end: number,
    version: ProtocolVersion,
    text: Text,
    maximumProperties: number,
  ) {
    this.bytes = bytes
    this.start = start
    this.at = at
    this.end = end
    this.version = version
    this.#text = text
    this.#maximumProperties = maximumProperties
  }

  /** One that stands at the same place, and may be used when the bytes are the caller's again. */
  keep(): Reader {
    const { bytes, start, at, end, version } = this
    const from = this.ours ? 0 : start
    const kept = this.ours ? bytes : bytes.slice(start, end)
    const reader = new Reader(kept, start - from, at - from, end - from, version, this.#text, this.#maximumProperties)
    reader.ours = true
    return reader
  }

  get atEnd(): boolean {
    return this.at === this.end
  }

  byte(what: string): number {
    this.#need(1, what)
    return this.bytes[this.at++]!
  }

  twoBytes(what: string): number {
    this.#need(2, what)
    const value = (this.bytes[this.at]! << 8) | this.bytes[this.at + 1]!
    this.at += 2
    return value
  }

  packetId(): number {
    const id = this.twoBytes('Packet Identifier')
    if (id === 0) throw this.protocolError('The Packet Identifier is 0', this.at - 2) // [MQTT-2.2.1-3]
    return id
  }

  variable(what: string): number {
    const start = this.at
    let value = 0
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = this.byte(what)
      value |= (byte & 127) << shift
      if (byte < 128) {
        if (this.at - start === variableLength(value)) return value
        throw this.malformed(`The ${what} takes more bytes than it needs`, this.at - 1) // [MQTT-1.5.5-1]
      }
    }
    throw this.malformed(`The ${what} is longer than four bytes`, this.at - 1)
  }

  string(what: string): string {
    const start = this.skipString(what)
    return this.#text.decode(this.bytes, start, this.at)
  }

  /** Checks it, and returns where its bytes begin. */
  skipString(what: string): number {
    const start = this.#field(what)
    const wrong = malformedTextAt(this.bytes, start, this.at)
    if (wrong >= 0) throw malformedText(this.bytes, wrong, this.start, what)
    return start
  }

  topicName(what: string): string {
    const start = this.#field(what)
    checkTopicName(this.bytes, start, this.at, this.start, what)
    return this.#text.decode(this.bytes, start, this.at)
  }

  /** A copy, for the bytes are the caller's again. */
  binary(what: string): Uint8Array {
    const start = this.#field(what)
    return this.bytes.slice(start, this.at)
  }

  /** Property Length and properties; none below MQTT 5.0. The carrier is a packet type or WILL. */
  properties(carrier: number): Properties {
    if (this.version !== 5) return {}
    const length = this.variable('Property Length')
    this.#need(length, 'properties')
    const start = this.at
    this.at += length
    if (length === 0) return {}
    checkProperties(this.bytes, start, this.at, this.start, carrier, this.#maximumProperties)
    return decodeProperties(this.bytes, start, this.at, this.#text)
  }

  expectEnd(): void {
    const extra = this.end - this.at
    if (extra > 0) throw this.malformed(`The packet goes on for ${extra} bytes after its last field`, this.at)
  }

  /** `at` is a place in bytes. */
  malformed(message: string, at: number): ProtocolError {
    return malformed(message, at - this.start)
  }

  /** `at` is a place in bytes. */
  protocolError(message: string, at: number): ProtocolError {
    return protocolError(message, at - this.start)
  }

  /** Moves past a field of two length bytes and so many bytes; returns where its bytes begin. */
  #field(what: string): number {
    const length = this.twoBytes(what)
    this.#need(length, what)
    const start = this.at
    this.at += length
    return start
  }

  #need(length: number, what: string): void {
    if (this.end - this.at < length) throw this.malformed(`The packet ends within the ${what}`, this.end)
  }
}
