/**
 * How bytes come and go, as far as it needs no platform: what the broker and the client are to a Network Connection, one
 * that joins the two within a program, and text for any platform. Pure: it runs in a browser tab, and is handed who runs
 * callbacks later. Sockets are in `node/`.
 */
export type { Acceptor, LinkHandler } from './acceptor.ts'
export type { ClientTransport, ClientTransportHandler } from './client-transport.ts'
export { Entrance, type Entry, type EntryAnswer, type EntryStep } from './entry.ts'
export { type Later, memoryPair } from './memory-pair.ts'
export { webText } from './text.ts'
