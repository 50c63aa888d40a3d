import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { defaultBounds } from '../../../src/broker/index.ts'
import { Timer, TimerWheel } from '../../../src/broker/time/timers.ts'
import { fc } from '../../support/fast-check.ts'

const START = 1_700_000_000_123
/** A deadline is noticed in the first step of the wheel that is not before it. */
const STEP_MS = 50

class Noted extends Timer {
  readonly fired: number[] = []
  readonly onFire: ((now: number) => void) | null

  constructor(onFire: ((now: number) => void) | null = null) {
    super()
    this.onFire = onFire
  }

  fire(now: number): void {
    this.fired.push(now)
    this.onFire?.(now)
  }
}

/** What is due at `due` may wait for the step that follows. */
function noticed(due: number, step = STEP_MS): number {
  return Math.ceil(due / step) * step
}

describe('the timer wheel', () => {
  it('fires once, not before it is due, and at most a step later', () => {
    const wheel = new TimerWheel(START, defaultBounds)
    const timer = new Noted()
    wheel.set(timer, START + 1000)
    wheel.advance(START + 999)
    assert.deepEqual(timer.fired, [])
    wheel.advance(START + 1000 + STEP_MS)
    wheel.advance(START + 500_000)
    assert.deepEqual(timer.fired, [START + 1000 + STEP_MS])
  })

  it('fires what was due already in the next step', () => {
    const wheel = new TimerWheel(START, defaultBounds)
    const timer = new Noted()
    wheel.set(timer, START - 5000)
    wheel.advance(START + STEP_MS)
    assert.equal(timer.fired.length, 1)
  })

  it('fires what is moved at its new time only, sooner or later', () => {
    const wheel = new TimerWheel(START, defaultBounds)
    const later = new Noted()
    const sooner = new Noted()
    wheel.set(later, START + 1000)
    wheel.set(later, START + 5000)
    wheel.set(sooner, START + 5000)
    wheel.set(sooner, START + 1000)
    wheel.advance(START + 2000)
    assert.deepEqual([later.fired.length, sooner.fired.length], [0, 1])
    wheel.advance(START + 6000)
    assert.deepEqual([later.fired.length, sooner.fired.length], [1, 1])
  })

  it('does not fire what was cleared, also by another that fires in the same step', () => {
    const wheel = new TimerWheel(START, defaultBounds)
    const cleared = new Noted()
    wheel.set(cleared, START + 100)
    wheel.clear(cleared)
    wheel.clear(cleared)
    const pair: Noted[] = []
    for (let i = 0; i < 2; i++) pair.push(new Noted(() => wheel.clear(pair[1 - i]!)))
    for (const timer of pair) wheel.set(timer, START + 100)
    wheel.advance(START + 1000)
    assert.equal(cleared.fired.length, 0)
    assert.equal(pair[0]!.fired.length + pair[1]!.fired.length, 1)
  })

  it('may be set again while it fires, and then fires again in its time', () => {
    const wheel = new TimerWheel(START, defaultBounds)
    const timer: Noted = new Noted((now) => wheel.set(timer, now + 1000))
    wheel.set(timer, START + 1000)
    for (let now = START; now <= START + 10_000; now += 100) wheel.advance(now)
    assert.equal(timer.fired.length, 9)
    for (const [i, at] of timer.fired.entries()) {
      if (i > 0) assert.ok(at - timer.fired[i - 1]! >= 1000 && at - timer.fired[i - 1]! <= 1000 + 100 + STEP_MS)
    }
  })

  it('one that sets itself for now does not hold the wheel up', () => {
    const wheel = new TimerWheel(START, defaultBounds)
    const timer: Noted = new Noted((now) => wheel.set(timer, now))
    wheel.set(timer, START)
    wheel.advance(START + 1000)
    assert.ok(timer.fired.length <= 1000 / STEP_MS + 1)
  })

  it('keeps deadlines of days and years', () => {
    const wheel = new TimerWheel(START, defaultBounds)
    const year = 365 * 86_400_000
    const timer = new Noted()
    wheel.set(timer, START + year)
    for (let now = START; now < START + year; now += 86_400_000 / 3) wheel.advance(now)
    assert.deepEqual(timer.fired, [])
    wheel.advance(START + year + STEP_MS)
    assert.equal(timer.fired.length, 1)
  })

  it('fires all that was due in a gap, however long', () => {
    const wheel = new TimerWheel(START, defaultBounds)
    const timers = Array.from({ length: 1000 }, (_, i) => {
      const timer = new Noted()
      wheel.set(timer, START + i * 997)
      return timer
    })
    const stranger = new Noted()
    wheel.set(stranger, START + 2_000_000)
    wheel.advance(START + 1_000_000)
    assert.ok(timers.every(({ fired }) => fired.length === 1))
    assert.equal(stranger.fired.length, 0)
  })

  it('does what a plain list does', () => {
    const step = fc.oneof(
      fc.record({
        kind: fc.constant('set' as const),
        timer: fc.nat(7),
        after: fc.integer({ min: -1000, max: 600_000 }),
      }),
      fc.record({ kind: fc.constant('set' as const), timer: fc.nat(7), after: fc.integer({ min: 0, max: 500 }) }),
      fc.record({ kind: fc.constant('clear' as const), timer: fc.nat(7), after: fc.constant(0) }),
      fc.record({ kind: fc.constant('pass' as const), timer: fc.constant(0), after: fc.integer({ min: 0, max: 400 }) }),
      fc.record({
        kind: fc.constant('pass' as const),
        timer: fc.constant(0),
        after: fc.integer({ min: 0, max: 400_000 }),
      }),
    )
    const bounds = fc.oneof(
      fc.constant(defaultBounds),
      fc.record({ timerSlots: fc.integer({ min: 1, max: 8 }), timerSlotMs: fc.integer({ min: 1, max: 60 }) }),
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), bounds, (steps, bounds) => {
        let now = START
        const wheel = new TimerWheel(now, bounds)
        const { timerSlotMs } = bounds
        const timers = Array.from({ length: 8 }, () => new Noted())
        // When each may fire, and when it must have.
        const due = new Map<number, { from: number; to: number }>()
        let fired = timers.map(() => 0)
        for (const { kind, timer, after } of steps) {
          if (kind === 'set') {
            wheel.set(timers[timer]!, now + after)
            // Never in the step that has gone by.
            const to = Math.max(noticed(now + after, timerSlotMs), (Math.floor(now / timerSlotMs) + 1) * timerSlotMs)
            due.set(timer, { from: now + after, to })
          } else if (kind === 'clear') {
            wheel.clear(timers[timer]!)
            due.delete(timer)
          } else {
            now += after
            wheel.advance(now)
          }
          const before = fired
          fired = timers.map((each) => each.fired.length)
          for (const [i, count] of fired.entries()) {
            const { from, to } = due.get(i) ?? { from: Number.POSITIVE_INFINITY, to: Number.POSITIVE_INFINITY }
            if (count > before[i]!) assert.ok(count === before[i]! + 1 && kind === 'pass' && now >= from)
            else assert.ok(kind !== 'pass' || now < to)
            if (count > before[i]!) due.delete(i)
          }
        }
      }),
      { numRuns: 500 },
    )
  })
})
