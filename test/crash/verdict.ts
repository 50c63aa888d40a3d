import { RETAINED_EVERY } from './publisher.ts'

/** What a publisher knows, by the number of the message; times are of one clock. */
export interface Published {
  readonly name: string
  readonly qos: 1 | 2
  readonly sentAt: ReadonlyMap<number, number>
  readonly acknowledgedAt: ReadonlyMap<number, number>
  /** Numbers sent again after the cut. */
  readonly again: readonly number[]
  /** The broker did not know its Session any more. */
  readonly sessionLost: boolean
}

/** What one subscriber got from one publisher: before the cut, after it, and after the publishers had come back. */
export interface Got {
  readonly before: readonly number[]
  readonly after: readonly number[]
  readonly later: readonly number[]
  /** By number: when a QoS 2 message was done with, for the subscriber. */
  readonly doneAt: ReadonlyMap<number, number>
}

export interface Subscribed {
  readonly qos: 1 | 2
  /** By the publisher's name. */
  readonly from: ReadonlyMap<string, Got>
}

export interface Story {
  readonly publishers: readonly Published[]
  /** It was away all the time before the cut: what it gets then is all that was kept. */
  readonly away: Subscribed
  readonly online: readonly Subscribed[]
  /** By the publisher's name; 0: none. */
  readonly retained: ReadonlyMap<string, number>
  readonly cutAt: number
  /** Milliseconds before the cut whose acknowledgements may have been for nothing. */
  readonly mayLose: number
}

/** What is there must be the state of one moment, and that moment not too long ago. */
export interface Verdict {
  acknowledged: number
  /** Acknowledged, and not there, as may be. */
  given: number
  /** Acknowledged before the last `mayLose` milliseconds, and not there. */
  lost: number
  /** Not there, though a later one of the same publisher is. */
  holes: number
  /** Came before an earlier one of the same publisher. */
  disordered: number
  /** Publishers of which something is missing that was acknowledged before something was sent that is there. */
  inverted: number
  /** Retained messages that are not of the same moment. */
  retainedWrong: number
  /** Kept, and not delivered to a subscriber that was online. */
  undelivered: number
  /** Delivered, and not kept for the subscriber that was away. */
  phantoms: number
  repeatedQoS2: number
  /** Sent again after the cut, and not delivered. */
  lostLater: number
  /** Publishers whose Session is gone though it is old enough, or though messages are there that came in it. */
  sessionsLost: number
}

const NONE: Got = { before: [], after: [], later: [], doneAt: new Map() }

export function judge(story: Story): Verdict {
  const verdict: Verdict = {
    acknowledged: 0,
    given: 0,
    lost: 0,
    holes: 0,
    disordered: 0,
    inverted: 0,
    retainedWrong: 0,
    undelivered: 0,
    phantoms: 0,
    repeatedQoS2: 0,
    lostLater: 0,
    sessionsLost: 0,
  }
  /** Of what is kept, the last that was sent. */
  let lastSent = Number.NEGATIVE_INFINITY
  const firstMissing: number[] = []
  for (const published of story.publishers) {
    const kept = keptOf(story, published, verdict)
    lastSent = Math.max(lastSent, published.sentAt.get(kept) ?? Number.NEGATIVE_INFINITY)
    const connected = (published.sentAt.get(1) ?? story.cutAt) < story.cutAt - story.mayLose
    if (published.sessionLost && (kept > 0 || connected)) verdict.sessionsLost++
    firstMissing.push(judgeAcknowledged(story, published, kept, verdict))
    for (const subscribed of [story.away, ...story.online]) judgeGot(story, published, subscribed, kept, verdict)
  }
  verdict.inverted = firstMissing.filter((acknowledgedAt) => acknowledgedAt < lastSent).length
  return verdict
}

/** Up to which number this publisher's messages are kept, as the subscriber that was away and the retained message say. */
function keptOf({ away, retained }: Story, { name }: Published, verdict: Verdict): number {
  const got = (away.from.get(name) ?? NONE).after
  const last = Math.max(0, ...got)
  const there = new Set(got)
  for (let number = 1; number <= last; number++) {
    if (number % RETAINED_EVERY !== 0 && !there.has(number)) verdict.holes++
  }
  const value = retained.get(name) ?? 0
  const before = last - (last % RETAINED_EVERY)
  const next = (last + 1) % RETAINED_EVERY === 0 ? last + 1 : before
  if (value !== before && value !== next) verdict.retainedWrong++
  return value === next ? Math.max(last, next) : last
}

/** Returns when the first of what is missing was acknowledged. */
function judgeAcknowledged(
  { cutAt, mayLose }: Story,
  { acknowledgedAt }: Published,
  kept: number,
  verdict: Verdict,
): number {
  let first = Number.POSITIVE_INFINITY
  for (const [number, at] of acknowledgedAt) {
    if (at > cutAt) continue
    verdict.acknowledged++
    if (number <= kept) continue
    first = Math.min(first, at)
    if (at < cutAt - mayLose) verdict.lost++
    else verdict.given++
  }
  return first
}

function judgeGot(
  { cutAt, mayLose }: Story,
  { name, qos, again }: Published,
  subscribed: Subscribed,
  kept: number,
  verdict: Verdict,
): void {
  const { before, after, later, doneAt } = subscribed.from.get(name) ?? NONE
  for (const part of [before, after, later]) {
    for (let i = 1; i < part.length; i++) if (part[i]! < part[i - 1]!) verdict.disordered++
  }
  const got = new Set(before)
  const mayRepeat = (number: number): boolean => {
    const done = doneAt.get(number)
    return mayLose > 0 && (done === undefined || done >= cutAt - mayLose)
  }
  const isExact = qos === 2 && subscribed.qos === 2
  for (const number of after) {
    if (number > kept) verdict.phantoms++
    if (isExact && got.has(number) && !mayRepeat(number)) verdict.repeatedQoS2++
    got.add(number)
  }
  for (let number = 1; number <= kept; number++) {
    if (number % RETAINED_EVERY !== 0 && !got.has(number)) verdict.undelivered++
  }
  for (const number of later) {
    // What was delivered, and then lost before it was acknowledged, comes again: but nothing may be lost in mode `always`.
    if (isExact && (number <= kept || (mayLose === 0 && got.has(number)))) verdict.repeatedQoS2++
    got.add(number)
  }
  for (const number of again) if (number % RETAINED_EVERY !== 0 && !got.has(number)) verdict.lostLater++
}
