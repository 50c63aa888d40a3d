import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Core } from '../../../src/broker/core.ts'
import { Verdict, verdict } from '../../../src/broker/deliver/verdict.ts'
import type { QoS } from '../../../src/broker/index.ts'
import type { Settings } from '../../../src/broker/settings/settings.ts'
import { type TestClient, TestCore } from '../../support/core.ts'

/** A receiver in some state, and what becomes of a message to it. */
interface Case {
  readonly name: string
  readonly settings?: Partial<Settings>
  readonly qos: QoS
  readonly payload?: string
  readonly expiry?: number
  readonly noLocal?: boolean
  /** Of the receiver, who is here otherwise. */
  readonly state?: (receiver: TestClient, sender: TestClient) => void
  readonly becomes: Verdict
}

const leave = (receiver: TestClient): void => receiver.drop()

/** More waits for the receiver than may, as it takes nothing. */
function stall(receiver: TestClient, sender: TestClient): void {
  receiver.stall()
  for (let i = 0; i < 4; i++) sender.publish('t', 'x'.repeat(2000))
}

const cases: readonly Case[] = [
  { name: 'QoS 0 to one who is here', qos: 0, becomes: Verdict.Send },
  { name: 'QoS 1 to one who is here', qos: 1, becomes: Verdict.Send },
  { name: 'QoS 0 to one who is away', qos: 0, state: leave, becomes: Verdict.Away },
  { name: 'QoS 1 to one who is away', qos: 1, state: leave, becomes: Verdict.Queue },
  { name: 'QoS 0 where that waits', settings: { queueQoS0: true }, qos: 0, state: leave, becomes: Verdict.Queue },
  {
    name: 'QoS 1 with an interval of 0 to one who is away',
    qos: 1,
    expiry: 0,
    state: leave,
    becomes: Verdict.Expired,
  },
  {
    name: 'QoS 1 to a full queue',
    settings: { maximumQueuedMessages: 1 },
    qos: 1,
    state: (receiver, sender) => {
      receiver.drop()
      sender.publish('t', 'first', { qos: 1 })
    },
    becomes: Verdict.QueueFull,
  },
  {
    name: 'QoS 1 to a full window',
    settings: { maximumInFlight: 1 },
    qos: 1,
    state: (_, sender) => sender.publish('t', 'first', { qos: 1 }),
    becomes: Verdict.Queue,
  },
  {
    name: 'QoS 0 to one who reads too slowly',
    settings: { maximumOutgoingBytes: 3000 },
    qos: 0,
    state: stall,
    becomes: Verdict.Slow,
  },
  {
    name: 'QoS 1 to one who reads too slowly',
    settings: { maximumOutgoingBytes: 3000 },
    qos: 1,
    state: stall,
    becomes: Verdict.Queue,
  },
  { name: 'what is larger than it takes', qos: 1, payload: 'x'.repeat(500), becomes: Verdict.TooLarge },
  { name: 'its own message, No Local', qos: 1, noLocal: true, becomes: Verdict.NoLocal },
]

/** All that a verdict must not change. */
function picture({ metrics, keptBytes, logPosition, work, sessions }: Core, clientId: string): unknown {
  const session = sessions.get(clientId)!
  const { outbound, queuedBytes, dropped, connection } = session
  const { head, tail, next, kept, waiting } = outbound
  const out = connection === null ? null : [connection.output.pending, connection.gate, connection.blocked]
  return [{ ...metrics }, keptBytes, logPosition, work.left, head, tail, next, kept, waiting, queuedBytes, dropped, out]
}

describe('a verdict', () => {
  for (const { name, settings, qos, payload = 'x', expiry, noLocal = false, state, becomes } of cases) {
    it(`says what becomes of ${name}, and changes nothing`, () => {
      const core = new TestCore(settings)
      const properties = { sessionExpiryInterval: 60, maximumPacketSize: becomes === Verdict.TooLarge ? 100 : 100_000 }
      const receiver = core.client({ clientId: 'receiver', cleanStart: false, properties })
      receiver.subscribe('t', { qos: 1, noLocal })
      const sender = noLocal ? receiver : core.client({ clientId: 'sender' })
      state?.(receiver, sender)
      const seen: Verdict[] = []
      const { core: inner } = core.broker
      inner.trace = (does, session, delivery) => {
        assert.equal(session.clientId, 'receiver')
        assert.equal(delivery.topic, 't')
        seen.push(does)
        if (does === Verdict.NoLocal) return
        // What was decided was acted on: asked again, the answer may differ, but it still costs nothing.
        const before = picture(inner, 'receiver')
        verdict(inner, session, delivery)
        assert.deepEqual(picture(inner, 'receiver'), before)
      }
      const more = expiry === undefined ? {} : { properties: { messageExpiryInterval: expiry } }
      sender.publish('t', payload, { qos, ...more })
      assert.deepEqual(seen, [becomes])
    })
  }
})
