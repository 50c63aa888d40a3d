/** What a page could bundle: the broker's core with the store in memory, and clients that come through a pair in memory. */
import { Broker, type Connection, defaultListener, defaultSettings } from '../../src/broker/index.ts'
import { type Packet, PacketType, SlabPool } from '../../src/protocol/index.ts'
import { MemoryStore } from '../../src/store/memory.ts'
import { type Acceptor, type ClientTransport, type Later, memoryPair, webText } from '../../src/transport/index.ts'
import { connect, publish, subscribe, subscription, textOf } from '../support/packets.ts'
import { decodeAll, encodeToBytes } from '../unit/protocol/support.ts'

/** All that the page hands in: milliseconds that go on, and who runs a callback after what is being done now. */
export interface Page {
  now(): number
  later: Later
}

/** A broker whose turns the page drives; returns how clients come to it. */
export function broker({ now, later }: Page): () => ClientTransport {
  const core = new Broker(
    { ...defaultSettings, version: 'in a page' },
    {
      clock: { now, wall: now },
      random: { uint32: () => 4 },
      store: new MemoryStore(),
      access: {
        connect: () => ({ allowed: true, reasonCode: 0, rule: '' }),
        authentication: () => null,
        rules: null,
        onChange: null,
      },
      text: webText,
      pool: new SlabPool(new Uint8Array(65_536), 0),
      events: () => {},
      memory: () => 0,
    },
  )
  const listener = core.listener(defaultListener)
  let inTurn = false
  const began = (): void => {
    if (inTurn) return
    inTurn = true
    core.began()
    later(() => {
      inTurn = false
      if (core.endTurn()) began()
    })
  }
  const acceptor: Acceptor = {
    began,
    accept: (link): Connection => core.accept(link, listener),
    turnedAway: () => {},
    refused: () => {},
    outOfDescriptors: () => {},
  }
  return () => memoryPair(acceptor, later)
}

/** One client subscribes, then another publishes; resolves with the topic and the payload that arrived. */
export function publishThrough(page: Page, topic: string, payload: string): Promise<string> {
  const dial = broker(page)
  return new Promise((resolve) => {
    const subscriber = speaker(dial(), (packet) => {
      if (packet.type === PacketType.Connack) subscriber(subscribe(1, [subscription('#', { qos: 1 })]))
      else if (packet.type === PacketType.Suback) publisher(connect())
      else if (packet.type === PacketType.Publish) resolve(`${packet.topic}: ${textOf(packet.payload)}`)
    })
    const publisher = speaker(dial(), ({ type }) => {
      if (type === PacketType.Connack) publisher(publish(topic, payload, { qos: 1, packetId: 1 }))
    })
    subscriber(connect())
  })
}

/** Packets out and in; what comes within one turn is whole packets. */
function speaker(transport: ClientTransport, received: (packet: Packet) => void): (packet: Packet) => void {
  transport.start({
    received: (bytes, start, end) => {
      for (const packet of decodeAll(bytes.slice(start, end), 5)) received(packet)
    },
    drained: () => {},
    closed: () => {},
  })
  return (packet) => {
    const bytes = encodeToBytes(packet, 5)
    transport.send(null, bytes, 0, bytes.length)
  }
}
