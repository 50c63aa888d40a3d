/**
 * One Network Connection, beside its state: the way out (outlet), whether it is read (reading), its keep-alive, the packets
 * that end it, and what it may cost before CONNECT.
 */

export { onDisconnect } from './client-disconnect.ts'
export { sendControl } from './control.ts'
export { disconnect } from './disconnect.ts'
export { type Doom, doom, endDoomed, endNow } from './doomed.ts'
export { endConnectionsOf } from './end-connections.ts'
export { ConnectionTimer } from './keep-alive.ts'
export { Outlet } from './outlet.ts'
export { countedBy } from './peer.ts'
export { Phase } from './phase.ts'
export { type PublishRate, publishRateOf } from './publish-rate.ts'
export { Reading } from './reading.ts'
export { answer, fail, unexpected } from './refuse.ts'
export { admits, countUnproved } from './unproved.ts'
export { answersWaitForStore, answersWaitTooMuch } from './unread-answers.ts'
