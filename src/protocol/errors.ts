import { ReasonCode } from './reason-codes.ts'

/**
 * The one error that the decoder throws: the bytes break the standard. `reasonCode` is what the standard has the
 * receiver say (0x81 Malformed Packet, 0x82 Protocol Error, 0x95 Packet too large, ...), `offset` the byte, counted from
 * the first byte of the packet, at which it was seen.
 */
export class ProtocolError extends Error {
  readonly reasonCode: number
  readonly offset: number

  constructor(reasonCode: number, message: string, offset: number) {
    super(message)
    this.name = 'ProtocolError'
    this.reasonCode = reasonCode
    this.offset = offset
  }
}

/** The packet cannot be read as the standard has it. */
export function malformed(message: string, offset: number): ProtocolError {
  return new ProtocolError(ReasonCode.MalformedPacket, message, offset)
}

/** The packet can be read, but says what it may not say. */
export function protocolError(message: string, offset: number): ProtocolError {
  return new ProtocolError(ReasonCode.ProtocolError, message, offset)
}

/** For a text whose byte at `at` is wrong; the packet begins at packetStart. */
export function malformedText(bytes: Uint8Array, at: number, packetStart: number, what: string): ProtocolError {
  const words = bytes[at] === 0 ? 'has the character U+0000' : 'has a byte that is not UTF-8'
  return malformed(`The ${what} ${words}`, at - packetStart)
}

/** Whatever was thrown, as text: anything can be, even what cannot be made a text. */
export function inWords(thrown: unknown): string {
  try {
    return thrown instanceof Error ? thrown.message : String(thrown)
  } catch {
    return 'an error without words'
  }
}
