/**
 * One message on its way to each Session: what becomes of it (verdict: No Local, QoS, room, window, size), whose turn it is in
 * a shared subscription, the queue where it waits for a slow client or one that is away, retained messages for a new
 * subscription, and the acknowledgements that come back.
 */

export { onAcknowledgement } from './acknowledgement.ts'
export { distribute } from './deliver.ts'
export { Delivery } from './delivery.ts'
export { Publication } from './publication.ts'
export { forgetKept, pump, pumpGuarded } from './queue.ts'
export {
  beginReplay,
  isRecorded,
  mayReplay,
  passReplayOn,
  type Replay,
  type Replays,
  stopReplay,
  stopReplays,
} from './replay.ts'
export { handOn, handOnStored } from './shared-hand-on.ts'
export type { Verdict } from './verdict.ts'
