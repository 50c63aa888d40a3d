/** The end of a Network Connection and of a Session: expiry, the Will that is due, what is handed on. */

export { endConnection, endSession, scheduleEnd } from './close.ts'
export { readAgain, readOn } from './unread.ts'
