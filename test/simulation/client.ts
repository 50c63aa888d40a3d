import { type ConnackPacket, Decoder, type Packet, PacketType, ReasonCode } from '../../src/protocol/index.ts'
import { connect, disconnect, will } from '../support/packets.ts'
import { Collector, encodeToBytes, LIMITS, text } from '../unit/protocol/support.ts'
import { type History, SimSession, type SimWill, Violation } from './history.ts'
import type { ClientEnd, SimLink } from './network.ts'
import { type ClientPlan, MONITOR, type Operation } from './plan.ts'
import { messageOf, Publisher } from './publisher.ts'
import { randomOf, type SimRandom } from './random.ts'
import { Receiver } from './receiver.ts'
import { inWords } from './story.ts'
import { type Subscribe, Subscriber } from './subscriber.ts'
import type { Time } from './time.ts'

const NEVER = 0xffff_ffff
const MAXIMUM = 65_535
/** Milliseconds within which an attempt to connect is over. */
const ATTEMPT_MS = 8000

/** The broker takes nobody in whose last Session is not over yet, as it could not be read. */
const BUSY = { 3: 3, 4: 3, 5: ReasonCode.ServerBusy } as const

/** What a client sees of the world. */
export interface Surroundings {
  readonly time: Time
  readonly history: History
  readonly seed: number
  /** Messages in flight to one client that the broker allows itself. */
  readonly maximumInFlight: number
  /** Milliseconds: when the broker began or ended last; a Session's time may run from then. */
  readonly brokerChanged: number
  /** Null: nobody listens. */
  dial(name: string, client: ClientEnd): SimLink | null
  tell(words: string): void
  /** Whether anybody hears that. */
  readonly told: boolean
}

type Publish = Extract<Operation, { kind: 'publish' }>

/** A client with a memory that lasts: it comes back, and goes on where it was. */
export class SimClient {
  readonly plan: ClientPlan
  readonly publisher: Publisher
  readonly subscriber: Subscriber
  readonly receiver: Receiver
  /** CONNACK came, and the connection is not known to be gone. */
  open = false
  /** Acknowledgements that are still to be sent. */
  pending = 0
  /** It does not come back by itself. */
  retired = false
  hurried = false
  link: SimLink | null = null
  readonly #around: Surroundings
  readonly #random: SimRandom
  #connections = 0
  #order = 0
  #lastSent = 0
  #acknowledgeAt = 0
  /** What the broker has of it, if anything, must not be resumed: its own half is forgotten. */
  #mustClean: boolean
  /** So many have come so far, without PINGRESP. */
  packets = 0
  /** Seconds that the Session outlives this connection: in MQTT 3 a clean one does not. */
  #lives = 0
  /** A CONNECT was not answered: there may be a Session or not. */
  #unanswered = false
  /** The broker may have ended the Session, and begun a new one. */
  #unsure = false

  constructor(plan: ClientPlan, around: Surroundings) {
    this.plan = plan
    this.#around = around
    this.#random = randomOf(around.seed, plan.id)
    this.#mustClean = plan.expiry === 0
    this.publisher = new Publisher(around.history, around.time, (packet) => this.#send(packet))
    this.subscriber = new Subscriber(plan.id, around, this.publisher, (packet) => this.#send(packet))
    this.receiver = new Receiver(plan.id, around.history, around.time)
  }

  get session(): SimSession | null {
    return this.#around.history.sessions.get(this.plan.id) ?? null
  }

  /** Nothing is under way. */
  get idle(): boolean {
    return this.open && this.pending === 0 && this.subscriber.idle && this.publisher.idle
  }

  connect(clean = false): void {
    this.#lose()
    const { plan } = this
    const name = `${plan.id}#${++this.#connections}`
    const link = this.#around.dial(name, this.#endOf(name))
    if (link === null) {
      this.comeBack()
      return
    }
    this.link = link
    this.#begin(link, clean || this.#mustClean)
  }

  comeBack(): void {
    if (this.retired) return
    const attempt = this.#connections
    const delay = this.hurried ? 20 : this.plan.returnDelay
    this.#around.time.after(this.#random.between(1, delay), () => {
      if (this.link === null && this.#connections === attempt) this.connect()
    })
  }

  publish({ topic, qos, retain, size, expiry }: Publish): void {
    if (!this.open) return
    const key = `${this.plan.id}.${++this.#order}`
    const parts = { key, topic, qos, retain, size, expiry, publisher: this.plan.id, order: this.#order }
    const what = `${retain ? 'retained ' : ''}${size === 0 ? 'nothing' : key}`
    this.#tell(`publishes ${what} to ${topic} with QoS ${qos}`)
    this.publisher.publish(messageOf(parts))
  }

  subscribe(how: Subscribe): void {
    if (!this.open) return
    this.#tell(`subscribes to ${how.filter} with QoS ${how.qos}`)
    this.subscriber.subscribe(how)
  }

  unsubscribe(filter: string): void {
    if (!this.open) return
    this.#tell(`unsubscribes from ${filter}`)
    this.subscriber.unsubscribe(filter)
  }

  /** `for good`: with its Session. */
  leave(how: 'goodbye' | 'with will' | 'for good'): void {
    const { link, plan } = this
    if (!this.open || link === null) return
    this.#tell(`leaves (${how})`)
    const ends = how === 'for good' && plan.expiry > 0
    if (how !== 'with will') {
      const expires = ends && plan.version === 5 ? { sessionExpiryInterval: 0 } : {}
      this.#send(disconnect(0, expires))
      link.goodbyeAt = link.sentUp
    } else if (plan.version === 5) this.#send(disconnect(4))
    link.hangUp()
    this.#lose()
    if (ends) this.#forget()
    this.comeBack()
  }

  cut(brokerNotes: number): void {
    if (this.link === null || this.plan.id === MONITOR) return
    this.#tell('loses its connection')
    this.link.cut(brokerNotes)
  }

  /** All that is known is gone: the next connection begins anew. */
  reset(): void {
    const { link } = this
    this.#lose()
    this.#forget()
    if (link !== null) this.comeBack()
  }

  #begin(link: SimLink, clean: boolean): void {
    const { plan, session } = this
    const { history, time } = this.#around
    if (clean) this.#forget()
    else if (session !== null && this.#mayBeOver(session, ATTEMPT_MS)) this.#unsure = true
    this.#lives = clean && plan.version < 5 ? 0 : plan.expiry
    history.connects.push({ client: plan.id, at: time.now, clean, link })
    const left = this.#random.chance(plan.wills) && !this.hurried ? this.#makeWill(link) : null
    if (left !== null) history.wills.push(left)
    const { version, receiveMaximum, topicAliasMaximum, expiry, keepAlive } = plan
    const properties = version === 5 ? { sessionExpiryInterval: expiry, topicAliasMaximum } : {}
    if (receiveMaximum > 0) Object.assign(properties, { receiveMaximum })
    const message = left === null ? null : willPacket(left)
    this.#tell(
      `connects as ${link.address}${clean ? ', clean' : ''}${left === null ? '' : `, will ${left.message.key}`}`,
    )
    this.#send(connect({ version, clientId: plan.id, cleanStart: clean, keepAlive, will: message, properties }))
  }

  #makeWill(link: SimLink): SimWill {
    const { plan } = this
    const random = this.#random
    const key = `${plan.id}.will${this.#connections}`
    const qos = random.pick([0, 1, 2, 2] as const)
    const publisher = `${plan.id}'s will`
    const parts = { key, topic: `w/${plan.id}`, qos, retain: random.chance(20), size: 20, expiry: null, publisher }
    const message = messageOf({ ...parts, order: this.#connections })
    message.sent = this.#around.time.stamp()
    message.sentAt = this.#around.time.now
    this.#around.history.messages.set(key, message)
    const delay = plan.version === 5 ? random.pick([0, 0, 1, 3]) : 0
    return { message, client: plan.id, delay, link, expiry: this.#lives, accepted: false }
  }

  /** The end of a connection at this client; what comes on one that was given up is not looked at. */
  #endOf(name: string): ClientEnd {
    const { plan } = this
    const collector = new Collector()
    const decoder = new Decoder(collector, text, LIMITS)
    decoder.version = plan.version
    const current = (): boolean => this.link?.address === name
    collector.onEach = () => {
      const packet = collector.packets.pop()!
      if (!current()) return
      if (this.#around.told) this.#tell(`gets ${inWords(packet)}`)
      this.#received(packet)
    }
    return {
      received: (bytes) => {
        if (current()) decoder.receive(bytes, 0, bytes.length)
      },
      gone: () => {
        if (!current()) return
        this.#tell('notes that its connection is gone')
        this.#lose()
        this.comeBack()
      },
    }
  }

  #received(packet: Packet): void {
    if (packet.type !== PacketType.Pingresp) this.packets++
    switch (packet.type) {
      case PacketType.Connack:
        this.#connected(packet)
        return
      case PacketType.Publish:
        if (this.session !== null) this.receiver.publish(packet, this.session, this.#acknowledge)
        return
      case PacketType.Puback:
        this.publisher.puback(packet.packetId, packet.reasonCode)
        return
      case PacketType.Pubrec:
        this.publisher.pubrec(packet.packetId, packet.reasonCode)
        return
      case PacketType.Pubrel:
        this.receiver.release(packet.packetId, this.#acknowledge)
        return
      case PacketType.Pubcomp:
        this.publisher.pubcomp(packet.packetId)
        return
      case PacketType.Suback:
        this.subscriber.subscribed(packet.packetId, packet.reasonCodes)
        return
      case PacketType.Unsuback:
        this.subscriber.unsubscribed(packet.packetId)
        return
      default:
    }
  }

  #connected(packet: ConnackPacket): void {
    const { plan } = this
    const { history, time, maximumInFlight } = this.#around
    const link = this.link!
    if (packet.reasonCode === BUSY[plan.version]) {
      this.#tell('is told to come back later')
      this.#lose()
      this.comeBack()
      return
    }
    if (packet.reasonCode !== 0) throw new Violation(`${plan.id} was refused with ${packet.reasonCode}`)
    // MQTT 3.1 does not tell; there a Session that is kept never ends.
    const present = plan.version === 3 ? this.session !== null : packet.sessionPresent
    this.#checkPresent(present)
    this.#tell(`is connected, ${present ? 'its session is there' : 'with a new session'}`)
    if (!present) this.#forget()
    if (this.session === null) history.sessions.set(plan.id, new SimSession(plan.id, time.stamp()))
    this.session!.offlineFrom = Number.POSITIVE_INFINITY
    this.#mustClean = plan.expiry === 0
    this.#unanswered = false
    this.#unsure = false
    this.open = true
    history.left(plan.id, time.stamp())
    for (const left of history.wills) if (left.link === link) left.accepted = true
    const mostInFlight = plan.receiveMaximum > 0 ? Math.min(plan.receiveMaximum, maximumInFlight) : maximumInFlight
    this.receiver.connected(link, mostInFlight)
    const window = plan.version === 5 ? (packet.properties.receiveMaximum ?? MAXIMUM) : 20
    this.publisher.connected(link, window, Math.min(plan.topicAliasMaximum, packet.properties.topicAliasMaximum ?? 0))
    if (plan.keepAlive > 0) this.#keepAlive(link)
    if (plan.id === MONITOR && !this.session!.subscriptions.has('#')) this.#monitor()
  }

  #monitor(): void {
    const how = { noLocal: false, retainAsPublished: true, retainHandling: 2, identifier: 0 } as const
    this.subscribe({ at: 0, client: MONITOR, kind: 'subscribe', filter: '#', qos: 2, ...how })
  }

  #checkPresent(present: boolean): void {
    const { plan, session } = this
    const { brokerChanged } = this.#around
    const { connects } = this.#around.history
    const asked = connects.findLast(({ link }) => link === this.link)!
    if (present && asked.clean) throw new Violation(`${plan.id} asked for a new session, and was given one of before`)
    const lives = plan.expiry === NEVER ? Number.POSITIVE_INFINITY : plan.expiry * 1000
    if (session === null) {
      if (present && !this.#unanswered) throw new Violation(`${plan.id} began anew, and was given a session of before`)
      return
    }
    if (!present && !this.#unsure && !this.#mayBeOver(session, 0)) {
      throw new Violation(`the session of ${plan.id} is lost`)
    }
    const before = connects.filter(({ client, link }) => client === plan.id && link !== this.link)
    const ended = Math.max(brokerChanged, ...before.map(({ link }) => link.brokerEnded))
    if (present && asked.at > ended + lives + 1000) throw new Violation(`the session of ${plan.id} outlived its time`)
  }

  /** Whether the Session's time may have run out, now or so many milliseconds later. */
  #mayBeOver({ offlineFrom }: SimSession, later: number): boolean {
    const { expiry } = this.plan
    const { time, history } = this.#around
    return expiry !== NEVER && time.now + later + history.skipped >= offlineFrom + expiry * 1000
  }

  /** An acknowledgement goes after a while, behind those before it. */
  readonly #acknowledge: Parameters<Receiver['release']>[1] = (type, packetId, sent) => {
    const { time } = this.#around
    const { link } = this
    const delay = this.hurried ? 1 : this.#random.between(0, this.plan.acknowledgeDelay)
    this.#acknowledgeAt = Math.max(this.#acknowledgeAt, time.now + delay)
    this.pending++
    time.after(this.#acknowledgeAt - time.now, () => {
      this.pending--
      if (this.link !== link) return
      sent()
      this.#send({ type, packetId, reasonCode: 0, properties: {} })
    })
  }

  #keepAlive(link: SimLink): void {
    const { time } = this.#around
    const interval = this.plan.keepAlive * 500
    time.after(interval, () => {
      if (this.link !== link) return
      if (time.now - this.#lastSent >= interval) this.#send({ type: PacketType.Pingreq })
      this.#keepAlive(link)
    })
  }

  /** The connection is gone, or given up. */
  #lose(): void {
    const { session, link } = this
    if (link === null) return
    if (!this.open) {
      link.giveUp()
      this.#unanswered = true
      if (this.#unsure || (session !== null && this.#mayBeOver(session, 0))) this.#mustClean = true
    }
    this.link = null
    this.open = false
    this.subscriber.lost()
    if (session === null) return
    session.offlineFrom = Math.min(session.offlineFrom, this.#around.time.now, link.brokerEnded)
    if (this.#lives > 0) return
    const unanswered = this.#mustClean
    this.#forget()
    this.#mustClean = unanswered
  }

  #forget(): void {
    this.#mustClean = true
    this.publisher.forget()
    this.receiver.forget()
    this.#around.history.endSession(this.plan.id, this.#around.time.stamp())
  }

  #send(packet: Packet): void {
    if (this.link === null) return
    this.#lastSent = this.#around.time.now
    if (this.#around.told) this.#tell(`sends ${inWords(packet)}`)
    this.link.write(encodeToBytes(packet, this.plan.version))
  }

  #tell(words: string): void {
    this.#around.tell(`${this.plan.id} ${words}`)
  }
}

function willPacket({ message, delay }: SimWill): ReturnType<typeof will> {
  const { topic, payload, qos, retain } = message
  return { ...will(topic, '', { qos, retain, properties: delay > 0 ? { willDelayInterval: delay } : {} }), payload }
}
