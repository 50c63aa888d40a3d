import { encodeProperties, LARGEST_PACKET, type Properties, type QoS, ReasonCode } from '../protocol/index.ts'
import { topicNameError } from '../topics/index.ts'
import { TurnedAway } from './connect/index.ts'
import { countedBy, disconnect, endConnectionsOf } from './connection/index.ts'
import { Connection } from './connection.ts'
import type { EventSink, Link } from './contracts.ts'
import { Core, type CoreParts } from './core.ts'
import { Dispatcher } from './dispatcher.ts'
import { readAgain } from './end/index.ts'
import { BROKER, makeMessage } from './message/index.ts'
import { publishMessage } from './publish/index.ts'
import { type Kept, reconfigure } from './reconfigure.ts'
import { recover } from './recover.ts'
import { RouteReview } from './route/index.ts'
import { Listener, type ListenerSettings, type Settings } from './settings/index.ts'
import { SysStatus } from './status/index.ts'
import { type Job, Units } from './time/index.ts'
import { endTurn } from './turn.ts'

/** Bytes of a Topic Name. */
const LONGEST_TOPIC = 65_535

/** Of topic, properties and payload: what a packet holds, with room for the rest of it. */
const LARGEST_MESSAGE = LARGEST_PACKET - 1024

/** Why this cannot be a PUBLISH, whose properties take `more` bytes; null if it can. */
function messageError({ text }: Core, topic: string, payload: Uint8Array, qos: QoS, more: number): string | null {
  const length = text.byteLength(topic)
  if (length > LONGEST_TOPIC) return `the topic has ${length} bytes, more than ${LONGEST_TOPIC}`
  if (qos !== 0 && qos !== 1 && qos !== 2) return `the QoS must be 0, 1 or 2, and is ${String(qos)}`
  if (!(payload instanceof Uint8Array)) return 'the payload must be bytes'
  if (length + more + payload.length <= LARGEST_MESSAGE) return null
  return `the payload has ${payload.length} bytes, too many for a packet`
}

const STOPPING = 'the broker is stopping'

export interface PublishOptions {
  readonly qos?: QoS
  readonly retain?: boolean
  readonly properties?: Properties
}

/**
 * The broker without its edges: it is handed connections, bytes and the time, and hands out bytes and events. The edge
 * calls `began` before it hands over anything, `endTurn` when all that was there to be read has been handed over, and
 * `tick` a few times a second.
 */
export class Broker {
  readonly core: Core
  readonly #status: SysStatus
  readonly #turnedAway: TurnedAway
  /** Milliseconds: of the last tick. */
  #ticked: number
  /** The last tick was late, and only noted that. */
  #waited = false
  /** Not all that is due has been done. */
  #firing = false
  /** What is due: 200,000 retained messages may expire at once. */
  readonly #timers: Job = {
    step: () => {
      const { wheel, work, now } = this.core
      this.#firing = !wheel.advance(now, () => work.spend(Units.timer))
      return !this.#firing
    },
  }
  readonly #routes: RouteReview

  constructor(settings: Settings, parts: CoreParts) {
    this.core = new Core(settings, parts)
    this.#status = new SysStatus(this.core)
    this.#turnedAway = new TurnedAway(this.core)
    this.#ticked = this.core.now
    this.#routes = new RouteReview(this.core)
    recover(this.core)
  }

  /** A turn begins: time is read once for all of it. */
  began(): void {
    this.core.now = this.core.time.now()
  }

  /** A way by which clients come; its settings may be changed (`Listener.change`). It stays known when it is gone. */
  listener(own: ListenerSettings): Listener {
    const listener = new Listener(own, this.core.settings)
    this.core.listeners.add(listener)
    return listener
  }

  /** Other settings hold from now on, as far as they may change; returns those that cannot, and why. */
  reconfigure(wanted: Partial<Settings>): Kept[] {
    return reconfigure(this.core, wanted)
  }

  /** Tells all who came by this listener to go. */
  endConnections(listener: Listener): void {
    endConnectionsOf(this.core, listener)
  }

  /** A client has connected; bytes for it go to the Connection's `receive`. */
  accept(link: Link, listener: Listener): Connection {
    const connection = new Connection(this.core, link, listener.terms, (one) => new Dispatcher(one))
    const { maximumConnectionRate } = this.core.settings
    if (maximumConnectionRate > 0 && link.peer.kind !== 'in-process') {
      // It is told when it has sent its CONNECT.
      connection.tooSoon = this.core.connectionRate.note(countedBy(link.peer), this.core.now) > maximumConnectionRate
    }
    this.core.connections.add(connection)
    this.core.metrics.sockets++
    return connection
  }

  /** A client came to a listener that has no room: it was closed before it could say anything. */
  turnedAway({ name }: Listener, address: string, option: string, limit: number): void {
    const subject = { identity: { client: null, address, username: null } }
    const what = `listener ${name} had no room (${option} ${limit})`
    this.core.repeats.note('turnedAway', subject, what, { listener: name, option, limit }, name)
  }

  /** A client was closed before its CONNECT, as its first bytes were not what the listener takes. */
  refused({ name }: Listener, address: string, reason: string): void {
    const subject = { identity: { client: null, address, username: null } }
    this.core.repeats.note('notAccepted', subject, reason, { listener: name, reason }, name)
  }

  /** A client came for whom the process, which may have `limit` of them, had no file descriptor: it was closed at once. */
  outOfDescriptors(limit: number): void {
    this.#turnedAway.note(limit)
  }

  /** Returns whether another turn should follow at once. */
  endTurn(): boolean {
    return endTurn(this.core)
  }

  /** The store can be asked again for what it could not read (`Store.onReadable`). */
  readable(): void {
    readAgain(this.core)
  }

  /** Time has passed: keep-alives, expiries, delayed Wills, `$SYS`. */
  tick(): void {
    this.began()
    lookAtClock(this.core)
    const late = this.core.now - this.#ticked > this.core.settings.bounds.lateTickMs
    this.#ticked = this.core.now
    // The process stood still. What came meanwhile lies in the sockets, and is read before anybody is found too silent.
    if (late && !this.#waited) {
      this.#waited = true
      return
    }
    this.#waited = false
    if (!this.#firing && !this.#timers.step()) this.core.work.add(this.#timers)
    this.#status.tick()
    this.core.router.review()
    this.#routes.next()
  }

  /**
   * Publishes a message from the program around the broker. Returns whether anybody was subscribed. Properties that belong
   * to one hop (Topic Alias, Subscription Identifiers) are left out. Throws a RangeError, and publishes nothing, if the topic
   * is not a Topic Name, the QoS is not 0, 1 or 2, a property is none that a message may have, or all of it is larger than a
   * packet may be.
   */
  publish(topic: string, payload: Uint8Array, options: PublishOptions = {}): boolean {
    const { qos = 0, retain = false, properties = {} } = options
    const more = encodeProperties(properties, this.core.text).length
    const wrong = topicNameError(topic) ?? messageError(this.core, topic, payload, qos, more)
    if (wrong !== null) throw new RangeError(wrong)
    const { topicAlias: _, subscriptionIdentifiers: __, ...forwarded } = properties
    const message = makeMessage(this.core.text, { topic, payload, qos, retain, properties: forwarded }, BROKER)
    message.startExpiry(this.core.now)
    return publishMessage(this.core, message)
  }

  /** Tells one more of what happens from now on, at the end of each turn; returns what takes it out again. */
  addSink(sink: EventSink): () => void {
    return this.core.sinks.add(sink)
  }

  /**
   * An orderly stop begins: nobody new is taken, and who is here is told [MQTT-3.14.4-1], one after the other in this turn
   * and the following ones.
   */
  stop(): void {
    const { core } = this
    if (core.stopping) return
    core.stopping = true
    const left = core.connections.values()
    core.work.add({
      step: () => {
        for (let next = left.next(); !next.done; next = left.next()) {
          sendAway(core, next.value)
          if (!core.work.spend(Units.end)) return false
        }
        return true
      },
    })
  }
}

function sendAway({ settings: { serverReference } }: Core, connection: Connection): void {
  if (connection.session === null) connection.link.abort()
  else if (serverReference === null) disconnect(connection, ReasonCode.ServerShuttingDown, STOPPING)
  else disconnect(connection, ReasonCode.UseAnotherServer, STOPPING, { serverReference })
}

/** Whether the wall clock was set: nothing that is due moves, but the store must know, and people may want to. */
function lookAtClock(core: Core): void {
  const step = core.time.look(core.now)
  if (core.time.isDue(core.now)) core.noteTime(true)
  if (step === 0) return
  const direction = step > 0 ? 'forward' : 'back'
  core.event('clockSet', null, { direction, seconds: Math.round(Math.abs(step) / 1000) })
}
