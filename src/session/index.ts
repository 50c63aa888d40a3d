export { Inbound } from './inbound.ts'
export {
  defaultOutboundBounds,
  Outbound,
  type OutboundBounds,
  OutboundState,
  packetIdAt,
  type Waiting,
} from './outbound.ts'
export { InboundAliases, OutboundAliases } from './topic-aliases.ts'
