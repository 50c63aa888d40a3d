import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { SystemClock } from '../../../src/server/system-clock.ts'

/** A machine that runs, sleeps, and has its clock set. */
class Machine {
  monotonicTime = 5000
  wallTime = 1_700_000_000_000
  total: number | null = 90_000
  readonly clock: SystemClock = new SystemClock({
    monotonic: () => this.monotonicTime,
    wall: () => this.wallTime,
    awakeAndAsleep: () => this.total,
  })

  run(milliseconds: number): void {
    this.monotonicTime += milliseconds
    this.sleep(milliseconds)
  }

  sleep(milliseconds: number): void {
    this.wallTime += milliseconds
    if (this.total !== null) this.total += milliseconds
  }
}

describe("the machine's clocks", () => {
  it('count the time that passes, whatever the wall clock is set to', () => {
    const machine = new Machine()
    const began = machine.clock.now()
    for (const step of [3_600_000, -86_400_000, 30 * 86_400_000]) {
      machine.run(700)
      machine.wallTime += step
      machine.clock.look()
    }
    assert.equal(machine.clock.now() - began, 2100)
    assert.equal(machine.clock.wall(), machine.wallTime)
  })

  it('count sleep, though the clock that nobody sets stands still meanwhile', () => {
    const machine = new Machine()
    const began = machine.clock.now()
    machine.run(100)
    machine.sleep(8 * 3_600_000)
    machine.clock.look()
    assert.equal(machine.clock.now() - began, 100 + 8 * 3_600_000)
    machine.run(100)
    machine.sleep(60_000)
    machine.clock.look()
    machine.clock.look()
    assert.equal(machine.clock.now() - began, 200 + 8 * 3_600_000 + 60_000)
  })

  it('tell sleep from a clock that was set while the machine slept', () => {
    const machine = new Machine()
    const began = machine.clock.now()
    machine.sleep(60_000)
    machine.wallTime += 86_400_000
    machine.clock.look()
    assert.equal(machine.clock.now() - began, 60_000)
  })

  it('do without, where no clock goes on in sleep', () => {
    const machine = new Machine()
    machine.total = null
    const began = machine.clock.now()
    machine.sleep(60_000)
    machine.clock.look()
    assert.equal(machine.clock.now(), began)
  })

  it('never go back', () => {
    const clock = new SystemClock()
    let before = clock.now()
    for (let i = 0; i < 1000; i++) {
      clock.look()
      const now = clock.now()
      assert.ok(now >= before)
      before = now
    }
  })
})
