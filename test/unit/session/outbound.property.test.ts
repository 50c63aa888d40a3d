import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { QoS } from '../../../src/protocol/index.ts'
import { Outbound, OutboundState } from '../../../src/session/index.ts'
import { fc } from '../../support/fast-check.ts'

/** What is owed for one message or request, kept in the plainest way. */
interface Owed {
  name: string
  qos: QoS | 'control'
  packetId: number
  state: 'waiting' | 'sent' | 'released' | 'resend' | 'release again'
}

/** The same as Outbound, by a list and searches. */
class Model {
  owed: Owed[] = []
  window: number
  made = 0

  constructor(window: number) {
    this.window = window
  }

  get inFlight(): number {
    return this.owed.filter(({ qos, state }) => qos !== 'control' && (state === 'sent' || state === 'released')).length
  }

  add(qos: Owed['qos'], state: Owed['state']): Owed {
    const owed = { name: `m${this.made}`, qos, packetId: (this.made % 65_535) + 1, state }
    this.made++
    this.owed.push(owed)
    return owed
  }

  drop(owed: Owed): void {
    this.owed.splice(this.owed.indexOf(owed), 1)
  }

  resume(window: number): void {
    this.window = window
    this.owed = this.owed.filter(({ qos }) => qos !== 'control')
    for (const owed of this.owed) {
      if (owed.state === 'sent') owed.state = 'resend'
      if (owed.state === 'released') owed.state = 'release again'
    }
  }
}

type Step =
  | { do: 'enqueue'; qos: QoS }
  | { do: 'control' | 'pump' | 'dropNext' }
  | { do: 'answer'; which: number }
  | { do: 'resume'; window: number }

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant('enqueue' as const), qos: fc.constantFrom<QoS>(0, 1, 2) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('control' as const) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('pump' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('dropNext' as const) }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('answer' as const), which: fc.nat(50) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('resume' as const), window: fc.integer({ min: 1, max: 6 }) }) },
)

function apply(outbound: Outbound<string>, model: Model, taken: Step): void {
  switch (taken.do) {
    case 'enqueue':
      outbound.enqueue(model.add(taken.qos, 'waiting').name, taken.qos)
      break
    case 'control': {
      const owed = model.add('control', 'sent')
      assert.equal(outbound.sendControl(owed.name), owed.packetId)
      break
    }
    case 'pump':
      pump(outbound, model)
      break
    case 'dropNext': {
      // A message that was sent before is not given up.
      if (outbound.waiting === 0 || !isFresh(outbound.state(outbound.next))) return
      model.drop(model.owed.find(({ name }) => name === outbound.message(outbound.next))!)
      outbound.dropNext()
      break
    }
    case 'answer':
      answer(outbound, model, taken.which)
      break
    case 'resume':
      outbound.resume(taken.window)
      model.resume(taken.window)
  }
}

function isFresh(state: OutboundState): boolean {
  return state >= OutboundState.WaitingQoS0 && state <= OutboundState.WaitingQoS2
}

function pump(outbound: Outbound<string>, model: Model): void {
  for (const owed of model.owed.filter(({ state }) => state === 'release again')) {
    assert.ok(outbound.releases > 0)
    assert.equal(outbound.sendRelease(), owed.packetId, 'each PUBREL, in order, however full the window is')
    owed.state = 'released'
  }
  assert.equal(outbound.releases, 0)
  for (const owed of [...model.owed]) {
    if (owed.state === 'sent' || owed.state === 'released') continue
    const open = model.inFlight < model.window
    assert.equal(outbound.open, open)
    if (!open && owed.qos !== 0) return
    assert.equal(outbound.message(outbound.next), owed.name, 'the oldest goes first')
    const packetId = outbound.sendNext()
    assert.equal(packetId, owed.packetId, 'and has the identifier that it always had')
    if (owed.qos === 0) model.drop(owed)
    else owed.state = 'sent'
  }
}

function answer(outbound: Outbound<string>, model: Model, which: number): void {
  const pending = model.owed.filter(({ state }) => state === 'sent' || state === 'released')
  const owed = pending[which % Math.max(1, pending.length)]
  if (owed === undefined) return
  const position = outbound.find(owed.packetId)
  assert.ok(position >= 0)
  if (owed.qos === 2 && owed.state === 'sent') {
    outbound.received(position)
    owed.state = 'released'
  } else {
    outbound.finish(position)
    model.drop(owed)
  }
}

function compare(outbound: Outbound<string>, model: Model): void {
  assert.equal(outbound.inFlight, model.inFlight)
  const seen: (string | null)[] = []
  outbound.forEach((message) => {
    seen.push(message)
  })
  const gone = (owed: Owed) => owed.state === 'released' || owed.state === 'release again'
  assert.deepEqual(
    seen,
    model.owed.map((owed) => (gone(owed) ? null : owed.name)),
  )
  for (const { packetId, state } of model.owed) {
    const found = outbound.find(packetId) >= 0
    assert.equal(found, state === 'sent' || state === 'released', `${packetId} ${state}`)
  }
}

describe('Outbound', () => {
  it('does what a plain list does, whatever happens in whatever order', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), fc.integer({ min: 1, max: 6 }), (steps, window) => {
        const outbound = new Outbound<string>(window)
        const model = new Model(window)
        for (const taken of steps) {
          apply(outbound, model, taken)
          compare(outbound, model)
        }
      }),
      { numRuns: 400 },
    )
  })

  it('delivers all messages, each at least once, over any number of lost connections', () => {
    const connections = fc.array(fc.record({ window: fc.integer({ min: 1, max: 4 }), answers: fc.nat(6) }), {
      minLength: 1,
      maxLength: 20,
    })
    fc.assert(
      fc.property(fc.array(fc.constantFrom<QoS>(1, 2), { maxLength: 30 }), connections, (qualities, losses) => {
        const outbound = new Outbound<string>(1)
        const model = new Model(1)
        for (const qos of qualities) outbound.enqueue(model.add(qos, 'waiting').name, qos)
        for (const { window, answers } of losses) {
          outbound.resume(window)
          model.resume(window)
          for (let i = 0; i < answers; i++) {
            pump(outbound, model)
            answer(outbound, model, i)
          }
        }
        outbound.resume(5)
        model.resume(5)
        for (let i = 0; model.owed.length > 0; i++) {
          assert.ok(i < 1000, 'it comes to an end')
          pump(outbound, model)
          answer(outbound, model, 0)
        }
        assert.equal(outbound.head, outbound.tail)
        assert.equal(outbound.inFlight, 0)
      }),
    )
  })
})
