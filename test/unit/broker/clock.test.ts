import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { NEVER } from '../../../src/broker/sessions/session.ts'
import { type TestClient, TestClock, TestCore } from '../../support/core.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
const STEPS_MS = [HOUR_MS, -HOUR_MS, DAY_MS, -DAY_MS, 30 * DAY_MS, -30 * DAY_MS, -56 * 365 * DAY_MS]

function kept(core: TestCore, clientId: string, sessionExpiryInterval = 600): TestClient {
  return core.client({ clientId, cleanStart: false, properties: { sessionExpiryInterval } })
}

function isPresent(core: TestCore, clientId: string, sessionExpiryInterval = 600): boolean {
  return kept(core, clientId, sessionExpiryInterval).connack!.sessionPresent
}

/** Somebody sets the machine's clock, and the broker has time to see that. */
function set(core: TestCore, by: number): void {
  core.clock.set += by
  core.pass(1)
}

describe('when the clock is set', () => {
  for (const by of STEPS_MS) {
    const how = `by ${by / HOUR_MS} h`

    it(`${how}, nothing expires sooner or later`, () => {
      const core = new TestCore()
      kept(core, 'away').drop()
      const here = core.client({ keepAlive: 60 })
      core.client().publish('r', 'x', { retain: true, properties: { messageExpiryInterval: 600 } })
      core.pass(50)
      set(core, by)
      assert.equal(here.ended, false)
      core.pass(38)
      assert.equal(here.ended, false)
      core.pass(2)
      assert.equal(here.ended, true, 'its keep alive is over')
      core.pass(505)
      assert.equal(core.broker.core.sessions.has('away'), true)
      assert.equal(core.broker.core.retained.size, 1)
      core.pass(5)
      assert.equal(core.broker.core.sessions.has('away'), false)
      assert.equal(core.broker.core.retained.size, 0)
    })

    it(`${how} while the broker runs, a Session is as old after it was killed as it is, within a minute`, () => {
      const core = new TestCore()
      kept(core, 'away').drop()
      core.pass(100)
      set(core, by)
      core.pass(100)
      const after = core.restart()
      after.pass(390)
      assert.equal(after.broker.core.sessions.has('away'), true)
      after.pass(10 + 60)
      assert.equal(after.broker.core.sessions.has('away'), false)
    })

    it(`${how} while the broker is down, what is left of a message's time is never more than it was`, () => {
      const core = new TestCore()
      const subscriber = kept(core, 'away', NEVER)
      subscriber.subscribe('x', { qos: 1 })
      subscriber.drop()
      core.pass(4000)
      core.client().publish('x', '1', { qos: 1, packetId: 1, properties: { messageExpiryInterval: 10 * 86_400 } })
      core.clock.set += by
      const after = core.restart()
      const again = kept(after, 'away', NEVER)
      const intervals = again.published().map(({ properties }) => properties.messageExpiryInterval)
      if (by > 10 * DAY_MS) assert.deepEqual(intervals, [], 'for all that can be known it was down for so long')
      else assert.deepEqual(intervals, [10 * 86_400 - Math.max(0, by / 1000)])
    })
  }

  it('an event says so', () => {
    const core = new TestCore()
    core.pass(10)
    set(core, 3 * DAY_MS)
    set(core, -HOUR_MS)
    const told = core.events.filter(({ id }) => id === 'clockSet').map(({ details }) => details)
    assert.deepEqual(told, [
      { direction: 'forward', seconds: 259_200 },
      { direction: 'back', seconds: 3600 },
    ])
  })

  it('events have the time that it shows', () => {
    const core = new TestCore()
    set(core, DAY_MS)
    core.client({ clientId: 'c' })
    const event = core.events.find(({ id }) => id === 'clientConnected')!
    assert.equal(event.at, core.clock.wall())
  })
})

describe('a machine whose clock begins in 1970 at each start', () => {
  it('loses no Session, when the clock is right at one start and not at another', () => {
    const core = new TestCore()
    const right = core.clock.set
    kept(core, 'away').drop()
    core.pass(60)
    core.clock.set = -core.clock.time
    let after = core.restart()
    after.pass(60)
    core.clock.set = right
    after = after.restart()
    assert.equal(isPresent(after, 'away'), true)
  })

  it('keeps no Session for ever: what passes while the broker runs counts', () => {
    const clock = new TestClock()
    clock.set = -clock.time
    let core = new TestCore({}, undefined, clock)
    kept(core, 'away').drop()
    for (let i = 0; i < 5; i++) {
      core.pass(110)
      clock.set = -clock.time
      core = core.restart()
    }
    assert.equal(core.broker.core.sessions.has('away'), true)
    // Each time it was killed, a minute or two were not noted.
    core.pass(600)
    assert.equal(core.broker.core.sessions.has('away'), false)
  })
})

describe('what is left of a Message Expiry Interval', () => {
  it('is never more than the publisher gave, whatever fraction of a millisecond it is [MQTT-3.3.2-6]', () => {
    const clock = new TestClock()
    const core = new TestCore({}, undefined, clock)
    const subscriber = core.client()
    subscriber.subscribe('x')
    const publisher = core.client()
    for (let i = 0; i < 500; i++) {
      clock.time += 0.1 + i / 1000
      publisher.publish('x', '', { properties: { messageExpiryInterval: i } })
      const [packet] = subscriber.published()
      assert.equal(packet?.properties.messageExpiryInterval ?? 0, i, String(clock.time))
    }
  })
})

describe('time does not begin anew at each start', () => {
  it('for retained messages, with retain_expiry_interval', () => {
    let core = new TestCore({ retainExpiry: 600 })
    core.client().publish('r', 'x', { retain: true })
    for (let i = 0; i < 5; i++) {
      core.pass(110)
      core = core.restart()
    }
    assert.equal(core.broker.core.retained.size, 1)
    core.pass(51)
    assert.equal(core.broker.core.retained.size, 0)
  })

  it('for retained messages of before the option was set', () => {
    let core = new TestCore()
    core.client().publish('r', 'x', { retain: true })
    core.pass(500)
    core = core.restart({ retainExpiry: 600 })
    core.pass(99)
    assert.equal(core.broker.core.retained.size, 1)
    core.pass(2)
    assert.equal(core.broker.core.retained.size, 0)
  })

  it('for retained messages of which an earlier version did not note since when', () => {
    let core = new TestCore()
    core.client().publish('r', 'x', { retain: true })
    const message = core.broker.core.retained.get('r')!
    core.store.append({ kind: 'retained', topic: 'r', messageId: message.id, at: 0 })
    core.pass(5000)
    for (let i = 0; i < 5; i++) {
      core = core.restart({ retainExpiry: 600 })
      core.pass(110)
    }
    assert.equal(core.broker.core.retained.size, 1)
    core.pass(51)
    assert.equal(core.broker.core.retained.size, 0)
  })

  it('for a Session whose client was here when the broker was killed', () => {
    let core = new TestCore()
    kept(core, 'here')
    for (let i = 0; i < 5; i++) {
      core = core.restart()
      core.pass(110)
    }
    assert.equal(core.broker.core.sessions.has('here'), true)
    core.pass(51)
    assert.equal(core.broker.core.sessions.has('here'), false)
  })
})

describe('persistent_client_expiration', () => {
  it('holds for Sessions that were there before it was set', () => {
    let core = new TestCore()
    kept(core, 'away', NEVER).drop()
    core.pass(500)
    core = core.restart({ persistentClientExpiration: 600 })
    core.pass(99)
    assert.equal(core.broker.core.sessions.has('away'), true)
    core.pass(2)
    assert.equal(core.broker.core.sessions.has('away'), false)
  })

  it('is gone when it is not set any more', () => {
    let core = new TestCore()
    kept(core, 'away', NEVER).drop()
    core = core.restart({ persistentClientExpiration: 600 })
    core.pass(100)
    core = core.restart({ persistentClientExpiration: 0 })
    core.pass(1000)
    assert.equal(isPresent(core, 'away', NEVER), true)
  })
})
