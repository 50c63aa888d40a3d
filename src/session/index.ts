export { Inbound } from './inbound.ts'
export { Outbound, OutboundState, packetIdAt } from './outbound.ts'
export { InboundAliases, OutboundAliases } from './topic-aliases.ts'
