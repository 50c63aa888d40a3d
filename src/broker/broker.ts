import { type Properties, type QoS, ReasonCode } from '../protocol/index.ts'
import { topicNameError } from '../topics/index.ts'
import { Connection } from './connection.ts'
import type { Link } from './contracts.ts'
import { Core, type CoreParts } from './core.ts'
import { publishMessage } from './publish-message.ts'
import { recover } from './recover.ts'
import { disconnect } from './refuse.ts'
import type { ListenerSettings, Settings } from './settings.ts'
import { SysStatus } from './sys.ts'
import { endTurn } from './turn.ts'
import { TurnedAway } from './turned-away.ts'
import { makeMessage } from './will.ts'

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

  constructor(settings: Settings, parts: CoreParts) {
    this.core = new Core(settings, parts)
    this.#status = new SysStatus(this.core)
    this.#turnedAway = new TurnedAway(this.core)
    recover(this.core)
  }

  /** A turn begins: time is read once for all of it. */
  began(): void {
    this.core.now = this.core.clock.now()
  }

  /** A client has connected; bytes for it go to the Connection's `receive`. */
  accept(link: Link, listener: ListenerSettings): Connection {
    const connection = new Connection(this.core, link, listener)
    const { maximumConnectionRate } = this.core.settings
    if (maximumConnectionRate > 0 && link.host !== 'in-process') {
      // It is told when it has sent its CONNECT.
      connection.tooSoon = this.core.connectionRate.note(link.host, this.core.now) > maximumConnectionRate
    }
    this.core.connections.add(connection)
    this.core.metrics.sockets++
    return connection
  }

  /** A client came to a listener that has no room: it was closed before it could say anything. */
  turnedAway({ name }: ListenerSettings, address: string, option: string, limit: number): void {
    const subject = { identity: { client: null, address, username: null } }
    const what = `listener ${name} had no room (${option} ${limit})`
    this.core.repeats.note('turnedAway', subject, what, { listener: name, option, limit }, name)
  }

  /** A client came for whom the process, which may have `limit` of them, had no file descriptor: it was closed at once. */
  outOfDescriptors(limit: number): void {
    this.#turnedAway.note(limit)
  }

  /** Returns whether another turn should follow at once. */
  endTurn(): boolean {
    return endTurn(this.core)
  }

  /** Time has passed: keep-alives, expiries, delayed Wills, `$SYS`. */
  tick(): void {
    this.began()
    this.core.wheel.advance(this.core.now)
    this.#status.tick()
    this.core.router.review()
  }

  /**
   * Publishes a message from the program around the broker. Returns whether anybody was subscribed.
   * Throws a RangeError if the topic is not a Topic Name.
   */
  publish(topic: string, payload: Uint8Array, options: PublishOptions = {}): boolean {
    const wrong = topicNameError(topic)
    if (wrong !== null) throw new RangeError(wrong)
    const { qos = 0, retain = false, properties = {} } = options
    const message = makeMessage(this.core, topic, payload, { qos, retain, properties }, null)
    message.startExpiry(this.core.now)
    return publishMessage(this.core, message)
  }

  /** An orderly stop begins: nobody new is taken, and who is here is told [MQTT-3.14.4-1]. */
  stop(): void {
    const { core } = this
    const { serverReference } = core.settings
    core.stopping = true
    for (const connection of core.connections) {
      if (connection.session === null) connection.link.abort()
      else if (serverReference === null) disconnect(connection, ReasonCode.ServerShuttingDown, STOPPING)
      else disconnect(connection, ReasonCode.UseAnotherServer, STOPPING, { serverReference })
    }
  }
}
