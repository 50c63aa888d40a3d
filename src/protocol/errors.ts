/**
 * The one error that the codec throws: the bytes break the standard. `reasonCode` is what the standard has the
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
