import type { SharedGroup } from '../../topics/index.ts'
import type { Core } from '../core.ts'
import type { Subscription } from '../sessions/index.ts'

/** Whose turn it is in a shared subscription; null if nobody is left. */
export function choose(
  core: Core,
  group: SharedGroup<Subscription>,
  barred: ReadonlySet<Subscription> | null,
): Subscription | null {
  const place = pick(core, group, barred)
  if (place < 0) return null
  group.next = place + 1
  return group.members[place]!
}

/**
 * The place of the member that a group's next message goes to, or -1 if it has none: round robin among those who are online
 * and have room; else among those online; else whoever's turn it is. Room is looked for with a few members only: where none
 * of them has any, the group is as good as full. Who is `barred` gets nothing.
 */
function pick(core: Core, group: SharedGroup<Subscription>, barred: ReadonlySet<Subscription> | null): number {
  const { members, present, next } = group
  let online = -1
  for (let i = Math.min(present, core.settings.bounds.membersTried) - 1, at = next; i >= 0; i--, at++) {
    const place = at % present
    const { connection, outbound } = members[place]!.session
    if (connection === null || barred?.has(members[place]!)) continue
    if (outbound.open && connection.hasRoom()) return place
    if (online < 0) online = place
  }
  if (online >= 0) return online
  if (members.length === 0) return -1
  const turn = next % members.length
  return barred?.has(members[turn]!) ? members.findIndex((member) => !barred.has(member)) : turn
}
