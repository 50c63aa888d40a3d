import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { PacketType, type ProtocolVersion, type QoS } from '../../src/protocol/index.ts'
import { useBroker } from '../support/broker.ts'
import { acknowledgement, connect, disconnect, unsubscribe } from '../support/packets.ts'
import type { RawClient } from '../support/raw-client.ts'
import { decodeAll } from '../unit/protocol/support.ts'

// With a window, a PINGRESP would come before what waits for it.
const broker = await useBroker('max_inflight_messages 0')
const STEPS = 1000
const { Publish, Pubrec, Puback, Pubrel, Pubcomp } = PacketType

/** What a subscriber is owed of one message: 'topic payload qos'. */
type Owed = string

/** The same numbers for the same seed. */
class Dice {
  #state: number

  constructor(seed: number) {
    this.#state = seed
  }

  /** 0..sides-1 */
  roll(sides: number): number {
    this.#state = (Math.imul(this.#state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((this.#state / 2 ** 32) * sides)
  }

  of<T>(values: readonly T[]): T {
    return values[this.roll(values.length)]!
  }
}

/** The rules of matching once more, in the plainest form. */
function matches(filter: readonly string[], topic: readonly string[]): boolean {
  if (filter[0] === '#') return true
  if (filter.length === 0 || topic.length === 0) return filter.length === topic.length
  return (filter[0] === '+' || filter[0] === topic[0]) && matches(filter.slice(1), topic.slice(1))
}

/** One client with a session that is kept: what it has subscribed to, and what waits for it. */
class Modelled {
  readonly subscriptions: Map<string, QoS> = new Map()
  client: RawClient | null = null
  waiting: Owed[] = []
  readonly #version: ProtocolVersion
  readonly #clientId: string
  #ends = false

  constructor(version: ProtocolVersion, clientId: string) {
    this.#version = version
    this.#clientId = clientId
  }

  async online(cleanStart: boolean): Promise<void> {
    const properties = this.#version === 5 ? { sessionExpiryInterval: 600 } : {}
    this.client = await broker.open(this.#version)
    this.client.send(connect({ version: this.#version, clientId: this.#clientId, cleanStart, properties }))
    await this.client.connack()
    // Before MQTT 5.0 a session that is begun anew also ends with its connection.
    this.#ends = cleanStart && this.#version !== 5
    if (cleanStart) this.#forget()
  }

  async offline(): Promise<void> {
    this.client!.send(disconnect())
    for (let open = true; open; ) {
      open = await this.client!.next().then(
        () => true,
        () => false,
      )
    }
    this.client = null
    if (this.#ends) this.#forget()
  }

  #forget(): void {
    this.subscriptions.clear()
    this.waiting = []
  }

  /** The QoS with which it is owed a message, or -1. */
  granted(topic: string, qos: QoS): number {
    const all = [...this.subscriptions].filter(([filter]) => matches(filter.split('/'), topic.split('/')))
    return all.length === 0 ? -1 : Math.min(qos, Math.max(...all.map(([, granted]) => granted)))
  }

  /** Takes all that comes before the answer to a PINGREQ, acknowledges it, and compares it with what is owed. */
  async settle(step: string, inAnyOrder: boolean): Promise<void> {
    if (this.client === null) return
    const got: Owed[] = []
    this.client.send('c0 00')
    // Answers that are still to come: PINGRESP, and a PUBREL for each PUBREC.
    for (let open = 1; open > 0; ) {
      const packet = decodeAll(await this.client.next(), this.#version)[0]!
      if (packet.type === Pubrel) this.client.send(acknowledgement(Pubcomp, packet.packetId))
      if (packet.type !== Publish) {
        open--
        continue
      }
      got.push(`${packet.topic} ${Buffer.from(packet.payload).toString()} ${packet.qos}`)
      if (packet.qos === 2) open++
      if (packet.qos > 0) this.client.send(acknowledgement(packet.qos === 1 ? Puback : Pubrec, packet.packetId))
    }
    const owed = this.waiting
    this.waiting = []
    if (inAnyOrder) assert.deepEqual(got.sort(), owed.sort(), step)
    else assert.deepEqual(got, owed, step)
  }
}

/** Rolls one thing after the other for some clients and a publisher, and follows it all in the model. */
async function play(seed: number): Promise<void> {
  const dice = new Dice(seed)
  const root = `model${seed}`
  const levels = ['a', 'b', '', 'a', 'c'] as const
  const path = (most: number, extra: readonly string[]): string =>
    [root, ...Array.from({ length: 1 + dice.roll(most) }, () => dice.of([...levels, ...extra]))].join('/')
  const all = ([3, 4, 5, 4, 5] as const).map((version, i) => new Modelled(version, `${root}-${i}`))
  const retained = new Map<string, { payload: string; qos: QoS }>()
  const publisher = await broker.client()
  for (const each of all) await each.online(true)

  const publish = async (step: number): Promise<string> => {
    const topic = path(3, [])
    const qos = dice.of([0, 1, 2] as const)
    const retain = dice.roll(4) === 0
    const payload = retain && dice.roll(3) === 0 ? '' : String(step)
    await publisher.publish(topic, payload, { qos, retain })
    if (retain && payload === '') retained.delete(topic)
    else if (retain) retained.set(topic, { payload, qos })
    for (const each of all) {
      const granted = each.granted(topic, qos)
      if (granted > 0 || (granted === 0 && each.client !== null)) each.waiting.push(`${topic} ${payload} ${granted}`)
    }
    return `publish ${topic} QoS ${qos} ${retain ? 'retained' : ''}`
  }

  const subscribe = async (each: Modelled): Promise<string> => {
    const filter = path(3, ['+', '+']) + (dice.roll(3) === 0 ? '/#' : '')
    const qos = dice.of([0, 1, 2] as const)
    assert.equal(await each.client!.subscribe(filter, { qos }), qos)
    each.subscriptions.set(filter, qos)
    for (const [topic, message] of retained) {
      if (!matches(filter.split('/'), topic.split('/'))) continue
      each.waiting.push(`${topic} ${message.payload} ${Math.min(message.qos, qos)}`)
    }
    return `subscribe ${filter} QoS ${qos}`
  }

  const forget = async (each: Modelled): Promise<string> => {
    const filter = dice.of([...each.subscriptions.keys(), `${root}/none`])
    each.client!.send(unsubscribe(9, [filter]))
    await each.client!.expect(PacketType.Unsuback)
    each.subscriptions.delete(filter)
    return `unsubscribe ${filter}`
  }

  for (let step = 0; step < STEPS; step++) {
    const each = dice.of(all)
    const what = dice.roll(10)
    let did: string
    let inAnyOrder = false
    if (what < 6) did = await publish(step)
    else if (each.client === null) {
      const cleanStart = dice.roll(8) === 0
      await each.online(cleanStart)
      did = cleanStart ? 'begin anew' : 'come back'
    } else if (what === 6) {
      await each.offline()
      did = 'leave'
    } else if (what === 7 && each.subscriptions.size > 0) did = await forget(each)
    else {
      did = await subscribe(each)
      // Retained messages have no order among themselves.
      inAnyOrder = true
    }
    for (const other of all) await other.settle(`step ${step} of seed ${seed}: ${did}`, inAnyOrder)
  }
}

describe('a plain model of subscriptions, sessions and retained messages', () => {
  for (const seed of [1, 2, 3]) {
    it(`agrees with the broker over ${STEPS} random steps (seed ${seed})`, () => play(seed))
  }
})
