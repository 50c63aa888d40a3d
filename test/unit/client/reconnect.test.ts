import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type ErrorCode, MqttError, ReasonCode } from '../../../src/client/index.ts'
import { Reconnect } from '../../../src/client/reconnect.ts'

const OPTIONS = {
  min: 500,
  max: 30_000,
  factor: 2,
  jitter: 1,
  onRefused: 'stop',
  attempts: Number.POSITIVE_INFINITY,
} as const
const lost = new MqttError('ERR_CONNECTION_LOST', 'lost')
const unreachable = new MqttError('ERR_UNREACHABLE', 'unreachable')
const refused = (reasonCode: number) => new MqttError('ERR_REFUSED', 'refused', { reasonCode })
const almostOne = () => 1 - Number.EPSILON

describe('the wait before a retry', () => {
  it('doubles from half a second to thirty seconds', () => {
    const reconnect = new Reconnect({ ...OPTIONS, jitter: 0 }, almostOne)
    const waits = Array.from({ length: 9 }, () => reconnect.attemptFailed(unreachable))
    assert.deepEqual(waits, [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000])
    assert.equal(reconnect.attempt, 10)
  })

  it('is all chance, from nothing to its longest', () => {
    for (const [random, wait] of [
      [0, 0],
      [0.5, 250],
      [almostOne(), 500],
    ] as const) {
      const reconnect = new Reconnect(OPTIONS, () => random)
      assert.equal(Math.round(reconnect.next(lost)), wait)
    }
  })

  it('may be chance in part', () => {
    const reconnect = new Reconnect({ ...OPTIONS, jitter: 0.2 }, () => 0)
    assert.equal(reconnect.next(lost), 400)
  })

  it('begins anew only after a connection that held', () => {
    const reconnect = new Reconnect({ ...OPTIONS, jitter: 0 }, almostOne)
    for (let i = 0; i < 3; i++) reconnect.attemptFailed(unreachable)
    reconnect.accepted()
    reconnect.lasted(200)
    assert.equal(reconnect.next(lost), 4000, 'a connection that ends at once is no success')
    reconnect.accepted()
    reconnect.lasted(60_000)
    assert.equal(reconnect.next(lost), 500)
  })
})

describe('there is no retry', () => {
  const always: ErrorCode[] = ['ERR_TAKEN_OVER', 'ERR_CLOSED', 'ERR_ABORTED', 'ERR_OPTION']
  for (const code of always) {
    it(`after ${code}, whatever is asked for`, () => {
      const reconnect = new Reconnect({ ...OPTIONS, onRefused: 'retry' }, almostOne)
      reconnect.accepted()
      assert.equal(reconnect.next(new MqttError(code, '')), -1)
    })
  }

  it('if it is turned off', () => assert.equal(new Reconnect(false, almostOne).next(lost), -1))

  it('after so many attempts that failed; a connection that ends is none', () => {
    const reconnect = new Reconnect({ ...OPTIONS, attempts: 2 }, almostOne)
    assert.ok(reconnect.attemptFailed(unreachable) >= 0)
    assert.equal(reconnect.attemptFailed(unreachable), -1)
    reconnect.accepted()
    for (let i = 0; i < 5; i++) assert.ok(reconnect.next(lost) >= 0)
  })

  it('after garbage at the first attempt; a broker that was one may be one again', () => {
    const reconnect = new Reconnect(OPTIONS, almostOne)
    const garbage = new MqttError('ERR_PROTOCOL', '')
    assert.equal(reconnect.attemptFailed(garbage), -1)
    reconnect.accepted()
    assert.ok(reconnect.attemptFailed(garbage) >= 0)
  })
})

describe('a refusal', () => {
  const table: [string, number, boolean, 'stop' | 'retry', boolean][] = [
    ['not authorized, at first', ReasonCode.NotAuthorized, false, 'stop', false],
    ['not authorized, later', ReasonCode.NotAuthorized, true, 'stop', false],
    ['not authorized, to be tried again', ReasonCode.NotAuthorized, false, 'retry', true],
    ['busy, at first', ReasonCode.ServerBusy, false, 'stop', false],
    ['busy, later', ReasonCode.ServerBusy, true, 'stop', true],
    ['unavailable, later', ReasonCode.ServerUnavailable, true, 'stop', true],
    ['moved, later', ReasonCode.ServerMoved, true, 'stop', false],
  ]
  for (const [what, reasonCode, accepted, onRefused, retried] of table) {
    it(`${what}, is ${retried ? '' : 'not '}tried again`, () => {
      const reconnect = new Reconnect({ ...OPTIONS, onRefused }, almostOne)
      if (accepted) reconnect.accepted()
      assert.equal(reconnect.attemptFailed(refused(reasonCode)) >= 0, retried)
    })
  }
})
