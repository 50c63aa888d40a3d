import type { Core } from '../core.ts'
import { pumpGuarded } from '../deliver/index.ts'
import { finishEnding } from './close.ts'

/** The store says that it is worth trying again what it could not read: who waits for it has its turn, in this and the next ones. */
export function readAgain(core: Core): void {
  core.rereading.push(...core.unread)
  core.unread.clear()
  for (const session of [...core.ending.values()]) finishEnding(core, session)
}

/** The part of one turn. Who cannot be read yet waits for the store's next word. */
export function readOn(core: Core): void {
  for (const session of core.rereading.splice(0, core.settings.bounds.queuesReread)) pumpGuarded(core, session)
}
