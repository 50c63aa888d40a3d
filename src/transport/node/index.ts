/** Sockets of Node: a listener for TCP and Unix sockets, the client's end of a connection, and Node's fastest `Text`. */
export { type DialOptions, dial } from './dial.ts'
export { Room } from './room.ts'
export { SharedRead } from './shared-read.ts'
export { type ReadInto, TcpListener } from './tcp-listener.ts'
export { nodeText } from './text.ts'
