import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import { KeepAlive, type Watched } from '../../../src/client/keep-alive.ts'
import { FakeClock } from './support/fake-clock.ts'

let clock: FakeClock
let said: string[]
let watched: { -readonly [K in keyof Watched]: Watched[K] }

beforeEach(() => {
  clock = new FakeClock()
  said = []
  watched = {
    lastSent: clock.now(),
    lastReceived: clock.now(),
    ping: () => {
      said.push(`ping ${clock.now()}`)
      watched.lastSent = clock.now()
    },
    silent: () => said.push(`silent ${clock.now()}`),
  }
})

function start(seconds: number): KeepAlive {
  const keepAlive = new KeepAlive(seconds, watched, clock)
  keepAlive.start()
  return keepAlive
}

describe('keep-alive', () => {
  it('pings when nothing was sent for that long [MQTT-3.1.2-20]', () => {
    start(10)
    clock.advance(9999)
    assert.deepEqual(said, [])
    clock.advance(1)
    assert.deepEqual(said, ['ping 11000'])
  })

  it('pings no sooner for what was sent meanwhile, as long as the broker is heard too', () => {
    start(10)
    clock.advance(6000)
    watched.lastSent = watched.lastReceived = clock.now()
    clock.advance(9999)
    assert.deepEqual(said, [])
    clock.advance(1)
    assert.deepEqual(said, ['ping 17000'])
  })

  it('pings a broker that is silent while we send, for it may be gone', () => {
    start(10)
    for (let i = 0; i < 10; i++) {
      clock.advance(1000)
      watched.lastSent = clock.now()
    }
    assert.deepEqual(said, ['ping 11000'])
  })

  it('takes the connection for dead half as long after a PINGREQ without any answer', () => {
    start(10)
    clock.advance(14_999)
    assert.deepEqual(said, ['ping 11000'])
    clock.advance(1)
    assert.deepEqual(said, ['ping 11000', 'silent 16000'])
    clock.advance(100_000)
    assert.equal(said.length, 2)
    assert.equal(clock.pending, 0)
  })

  it('goes on for ever with a broker that answers', () => {
    start(10)
    for (let i = 0; i < 50; i++) {
      clock.advance(1000)
      if (said.length > 0) watched.lastReceived = clock.now()
    }
    assert.ok(said.length >= 4)
    assert.ok(said.every((what) => what.startsWith('ping')))
  })

  it('is off at 0, and over when it is stopped', () => {
    start(0)
    assert.equal(clock.pending, 0)
    start(10).stop()
    clock.advance(100_000)
    assert.deepEqual(said, [])
    assert.equal(clock.pending, 0)
  })
})
