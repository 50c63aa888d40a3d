export { Decoder, type DecoderLimits, type PacketHandler } from './decoder.ts'
export { encodedLength, encodePacket, encodeProperties } from './encode.ts'
export { inWords, ProtocolError } from './errors.ts'
export {
  copyBytes,
  defaultSlabBounds,
  type FullSlab,
  Output,
  type OutputOwner,
  type Slab,
  type SlabBounds,
  SlabPool,
} from './output.ts'
export type * from './packets.ts'
export { PacketType } from './packets.ts'
export { PropertyId } from './properties.ts'
export { PublishView } from './publish-view.ts'
export { copyForwardableProperties, decodeProperties } from './read-properties.ts'
export { ConnectReturnCode, connectReturnCode, ReasonCode, reasonCodeFits, reasonCodeName } from './reason-codes.ts'
export { saslPrep } from './sasl-prep.ts'
export type { Text } from './text.ts'
export { malformedTextAt } from './utf8.ts'
export { LARGEST_PACKET } from './variable-byte-integer.ts'
export {
  type PublishContent,
  type PublishExtras,
  publishLength,
  writeAcknowledgement,
  writePublish,
} from './write-publish.ts'
