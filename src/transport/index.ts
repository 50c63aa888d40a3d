export type { ClientTransport, ClientTransportHandler } from './client-transport.ts'
export { nodeText } from './text.ts'
