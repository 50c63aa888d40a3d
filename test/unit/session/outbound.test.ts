import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Outbound, OutboundState, packetIdAt } from '../../../src/session/index.ts'

/** Sends all that the window allows; returns what went out: 'message#identifier' or 'release#identifier'. */
function pump(outbound: Outbound<string>): string[] {
  const sent: string[] = []
  while (outbound.releases > 0) sent.push(`release#${outbound.sendRelease()}`)
  while (outbound.waiting > 0) {
    const state = outbound.state(outbound.next)
    const message = outbound.message(outbound.next)
    const publishes = [
      OutboundState.WaitingQoS1,
      OutboundState.WaitingQoS2,
      OutboundState.ResendQoS1,
      OutboundState.ResendQoS2,
    ] as OutboundState[]
    if (publishes.includes(state) && !outbound.open) break
    sent.push(`${message}#${outbound.sendNext()}`)
  }
  return sent
}

function acknowledge(outbound: Outbound<string>, packetId: number): void {
  const position = outbound.find(packetId)
  assert.ok(position >= 0, `${packetId} is in flight`)
  outbound.finish(position)
}

describe('messages to one receiver', () => {
  it('go out in order, and their identifiers count from 1', () => {
    const outbound = new Outbound<string>(10)
    for (const message of ['a', 'b', 'c']) outbound.enqueue(message, 1)
    assert.deepEqual(pump(outbound), ['a#1', 'b#2', 'c#3'])
    assert.equal(outbound.inFlight, 3)
    assert.equal(outbound.waiting, 0)
  })

  it('wait when the window is full, and go on as it opens [MQTT-4.9.0-2]', () => {
    const outbound = new Outbound<string>(2)
    for (const message of ['a', 'b', 'c', 'd']) outbound.enqueue(message, 1)
    assert.deepEqual(pump(outbound), ['a#1', 'b#2'])
    acknowledge(outbound, 2)
    assert.deepEqual(pump(outbound), ['c#3'])
    acknowledge(outbound, 1)
    acknowledge(outbound, 3)
    assert.deepEqual(pump(outbound), ['d#4'])
  })

  it('of QoS 0 take no place in the window and are not remembered', () => {
    const outbound = new Outbound<string>(1)
    outbound.enqueue('a', 0)
    outbound.enqueue('b', 0)
    assert.equal(pump(outbound).length, 2)
    assert.equal(outbound.inFlight, 0)
    assert.equal(outbound.head, outbound.tail)
    assert.equal(outbound.find(1), -1)
  })

  it('of QoS 2 hold their place until PUBCOMP, without the message', () => {
    const outbound = new Outbound<string>(1)
    const packetId = outbound.send('a', 2)
    const position = outbound.find(packetId)
    assert.equal(outbound.state(position), OutboundState.AwaitingPubrec)
    outbound.received(position)
    assert.equal(outbound.state(position), OutboundState.AwaitingPubcomp)
    assert.equal(outbound.message(position), null)
    assert.equal(outbound.open, false)
    outbound.finish(outbound.find(packetId))
    assert.equal(outbound.open, true)
    assert.equal(outbound.find(packetId), -1)
  })

  it('can be dropped unsent', () => {
    const outbound = new Outbound<string>(5)
    outbound.enqueue('a', 1)
    outbound.enqueue('b', 1)
    outbound.dropNext()
    assert.deepEqual(pump(outbound), ['b#2'])
    assert.equal(outbound.inFlight, 1)
  })

  it('are acknowledged once: an unknown or a repeated identifier is found nowhere', () => {
    const outbound = new Outbound<string>(5)
    outbound.send('a', 1)
    outbound.send('b', 1)
    acknowledge(outbound, 1)
    for (const packetId of [1, 3, 9, 65_535]) assert.equal(outbound.find(packetId), -1, `${packetId}`)
    assert.equal(outbound.inFlight, 1)
  })
})

describe('a resumed Session', () => {
  it('sends again what was in flight, in order, with the same identifiers [MQTT-4.4.0-1] [MQTT-4.6.0-1]', () => {
    const outbound = new Outbound<string>(10)
    for (const [message, qos] of [
      ['a', 1],
      ['b', 2],
      ['c', 2],
      ['d', 1],
    ] as const)
      outbound.send(message, qos)
    outbound.enqueue('waits', 1)
    outbound.received(outbound.find(3))
    acknowledge(outbound, 1)
    outbound.resume(10)
    assert.equal(outbound.inFlight, 0)
    assert.deepEqual(pump(outbound), ['release#3', 'b#2', 'd#4', 'waits#5'])
  })

  it('sends each PUBREL again at once, however small the new window is; what it releases counts [MQTT-4.9.0-3]', () => {
    const outbound = new Outbound<string>(10)
    for (const message of ['a', 'b', 'c', 'd']) outbound.send(message, 2)
    outbound.received(outbound.find(2))
    outbound.received(outbound.find(4))
    outbound.resume(1)
    assert.deepEqual(pump(outbound), ['release#2', 'release#4'])
    assert.equal(outbound.inFlight, 2)
    acknowledge(outbound, 4)
    assert.deepEqual(pump(outbound), [])
    acknowledge(outbound, 2)
    assert.deepEqual(pump(outbound), ['a#1'])
    acknowledge(outbound, 1)
    assert.deepEqual(pump(outbound), ['c#3'])
    acknowledge(outbound, 3)
    assert.deepEqual([outbound.head, outbound.inFlight, outbound.waiting], [4, 0, 0])
  })

  it('sends a PUBREL that went ahead again, if it is resumed once more', () => {
    const outbound = new Outbound<string>(10)
    for (const message of ['a', 'b', 'c']) outbound.send(message, 2)
    outbound.received(outbound.find(3))
    for (let i = 0; i < 2; i++) {
      outbound.resume(1)
      assert.deepEqual(pump(outbound), ['release#3'])
    }
    outbound.resume(2)
    assert.deepEqual(pump(outbound), ['release#3', 'a#1'])
  })

  it('obeys the window of the new connection', () => {
    const outbound = new Outbound<string>(3)
    for (const message of ['a', 'b', 'c']) outbound.send(message, 1)
    outbound.resume(1)
    assert.deepEqual(pump(outbound), ['a#1'])
    acknowledge(outbound, 1)
    assert.deepEqual(pump(outbound), ['b#2'])
  })

  it('is resumed again in the middle of being resumed', () => {
    const outbound = new Outbound<string>(3)
    for (const message of ['a', 'b', 'c']) outbound.send(message, 1)
    outbound.resume(2)
    assert.deepEqual(pump(outbound), ['a#1', 'b#2'])
    outbound.resume(3)
    assert.deepEqual(pump(outbound), ['a#1', 'b#2', 'c#3'])
  })

  it('takes no acknowledgement for what it has not sent again yet', () => {
    const outbound = new Outbound<string>(2)
    outbound.send('a', 1)
    outbound.resume(2)
    assert.equal(outbound.find(1), -1)
  })

  it('forgets requests: whoever made them was told', () => {
    const outbound = new Outbound<string>(2)
    outbound.sendControl('subscribe')
    outbound.send('a', 1)
    outbound.resume(2)
    assert.deepEqual(pump(outbound), ['a#2'])
    acknowledge(outbound, 2)
    assert.equal(outbound.head, outbound.tail)
  })
})

describe('a control packet', () => {
  it('shares the identifiers, and takes no place in the window', () => {
    const outbound = new Outbound<string>(1)
    assert.equal(outbound.send('a', 1), 1)
    assert.equal(outbound.sendControl('subscribe'), 2)
    assert.equal(outbound.inFlight, 1)
    acknowledge(outbound, 2)
    assert.equal(outbound.inFlight, 1)
  })

  it('does not wait for messages that wait [MQTT-3.3.4-8]', () => {
    const outbound = new Outbound<string>(1)
    for (const message of ['a', 'b', 'c']) outbound.enqueue(message, 1)
    assert.deepEqual(pump(outbound), ['a#1'])
    assert.equal(outbound.sendControl('subscribe'), 4)
    assert.equal(outbound.message(outbound.find(4)), 'subscribe')
    acknowledge(outbound, 4)
    assert.equal(outbound.find(4), -1)
    acknowledge(outbound, 1)
    assert.deepEqual(pump(outbound), ['b#2'])
    acknowledge(outbound, 2)
    assert.deepEqual(pump(outbound), ['c#3'])
    acknowledge(outbound, 3)
    assert.equal(outbound.head, outbound.tail)
  })

  it('is passed over, unanswered, when the turn of those after it comes', () => {
    const outbound = new Outbound<string>(1)
    outbound.enqueue('a', 0)
    outbound.sendControl('subscribe')
    outbound.enqueue('b', 1)
    assert.deepEqual(pump(outbound), ['a#1', 'b#3'])
    assert.ok(outbound.find(2) >= 0)
  })

  it('that went ahead is forgotten on resumption too', () => {
    const outbound = new Outbound<string>(1)
    outbound.enqueue('a', 1)
    outbound.enqueue('b', 1)
    pump(outbound)
    outbound.sendControl('subscribe')
    outbound.resume(5)
    assert.equal(outbound.find(3), -1)
    assert.deepEqual(pump(outbound), ['a#1', 'b#2'])
  })
})

describe('the ring', () => {
  it('reuses identifiers only after 65,535 places', () => {
    const outbound = new Outbound<string>(65_535)
    for (let i = 0; i < 65_535; i++) outbound.send('m', 1)
    assert.equal(outbound.open, false)
    assert.equal(outbound.find(1), 0)
    assert.equal(outbound.find(65_535), 65_534)
    outbound.finish(0)
    assert.equal(outbound.open, true)
    assert.equal(outbound.send('n', 1), 1)
    assert.equal(outbound.find(1), 65_535)
    assert.equal(packetIdAt(65_535), 1)
  })

  it('lets a receiver go ahead of one message that it never acknowledges, but not for ever', () => {
    const outbound = new Outbound<string>(2)
    outbound.send('stuck', 1)
    let sent = 0
    while (outbound.open) {
      const packetId = outbound.send('m', 1)
      outbound.finish(outbound.find(packetId))
      sent++
      assert.ok(sent < 100_000, 'there is an end')
    }
    assert.ok(sent >= 32, `${sent} went ahead`)
    outbound.finish(outbound.find(1))
    assert.equal(outbound.open, true)
  })

  it('shows what is not done, oldest first, even if what is shown is finished meanwhile', () => {
    const outbound = new Outbound<string>(200)
    for (let i = 0; i < 150; i++) outbound.send(`m${i}`, 1)
    const seen: (string | null)[] = []
    outbound.forEach((message, state, position) => {
      assert.equal(state, OutboundState.AwaitingPuback)
      seen.push(message)
      for (let other = outbound.head; other < outbound.tail; other++) {
        if (other !== position && outbound.state(other) !== OutboundState.Done) outbound.finish(other)
      }
      outbound.finish(position)
    })
    assert.deepEqual(seen, ['m0'])
    assert.equal(outbound.inFlight, 0)
  })

  it('says that a position is done, wherever it lies outside', () => {
    const outbound = new Outbound<string>(5)
    for (const position of [-1, 0, 1, 70_000]) assert.equal(outbound.state(position), OutboundState.Done)
    outbound.send('a', 1)
    acknowledge(outbound, 1)
    assert.equal(outbound.state(0), OutboundState.Done)
    assert.equal(outbound.message(0), null)
  })
})
