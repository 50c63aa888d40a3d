/**
 * An Application Message that is kept, who it came from, and the topics that clients may not publish to.
 */

export { type Message, MessageKeeper, type MessageParts, makeMessage, restoreMessage } from './message.ts'
export { BROKER, type Origin } from './origin.ts'
export { isReserved, RESERVED_REASON } from './reserved.ts'
