import {
  type AcknowledgementPacket,
  encodedLength,
  PacketType,
  type Properties,
  type PublishPacket,
  ReasonCode,
} from '../protocol/index.ts'
import { OutboundAliases, OutboundState, packetIdAt } from '../session/index.ts'
import type { PublishResult } from './api.ts'
import type { Connection } from './connection.ts'
import { aborted, MqttError, reasonWords, toMqttError } from './errors.ts'
import type { QueueOptions, Settings } from './options.ts'
import { type Clock, text } from './platform.ts'
import { PoisonWatch, poisonError } from './poison.ts'
import { expired, MATCHED, NO_PROPERTIES, Publication, refused } from './publication.ts'
import { OfflineQueue } from './queue.ts'
import type { ServerLimits } from './server-limits.ts'
import type { ClientSession } from './session.ts'
import type { Counters } from './stats.ts'

const WRITTEN: Promise<PublishResult> = Promise.resolve(MATCHED)

/** What lasts as long as the Network Connection. */
interface Online {
  readonly connection: Connection
  readonly session: ClientSession
  readonly limits: ServerLimits
  readonly aliases: OutboundAliases | null
}

/** Outgoing messages: queued, sent in order, sent again, acknowledged, or given up. */
export class Sender {
  readonly #queue: OfflineQueue
  readonly #options: Required<QueueOptions>
  readonly #clock: Clock
  readonly #counters: Counters
  readonly #poison: PoisonWatch
  readonly #onUnsent: (topic: string, error: MqttError) => void
  #online: Online | null = null
  /** Called when nothing is in flight and nothing is queued. */
  #idle: (() => void) | null = null
  /** Reused for all packets with a Topic Alias. */
  readonly #aliased: { -readonly [K in keyof PublishPacket]: PublishPacket[K] } = {
    type: PacketType.Publish,
    topic: '',
    payload: new Uint8Array(0),
    qos: 0,
    retain: false,
    dup: false,
    packetId: 0,
    properties: NO_PROPERTIES,
  }

  constructor(
    { queue, clock, poison }: Pick<Settings, 'queue' | 'clock' | 'poison'>,
    counters: Counters,
    onUnsent: (topic: string, error: MqttError) => void,
  ) {
    this.#queue = new OfflineQueue(queue)
    this.#options = queue
    this.#clock = clock
    this.#poison = new PoisonWatch(poison)
    this.#counters = counters
    this.#onUnsent = onUnsent
  }

  get queued(): number {
    return this.#queue.size
  }

  get queuedBytes(): number {
    return this.#queue.bytes
  }

  /** Sends or queues the message. Throws MqttError if it can do neither. */
  publish(message: Publication, signal: AbortSignal | undefined): Promise<PublishResult> {
    if (signal?.aborted) throw aborted(signal, 'Nothing was published')
    const online = this.#online
    if (online !== null && message.qos === 0 && this.#queue.size === 0 && this.#mayGo(message, online)) {
      const error = refused(message, online.limits)
      if (error !== null) throw error
      this.#send(message, online)
      return WRITTEN
    }
    const { result } = message
    if (online !== null) {
      const error = refused(message, online.limits)
      if (error !== null) throw error
      if (this.#mayGo(message, online) && this.#queue.size === 0) {
        this.#send(message, online)
      } else {
        this.#queue.add(message, this.#giveUp)
      }
    } else {
      if (message.qos === 0 && this.#options.qos0 === 'drop') {
        const words = "There is no connection, and QoS 0 is not queued: use QoS 1, or queue: { qos0: 'keep' }"
        throw new MqttError('ERR_OFFLINE', words)
      }
      this.#queue.add(message, this.#giveUp)
    }
    if (signal !== undefined) message.watch(signal, () => this.#abort(message, signal))
    return result
  }

  /**
   * A connection is open. If the Session is resumed, what was in flight is sent again [MQTT-4.4.0-1]; if not,
   * `previous` is our old Session.
   */
  online(
    connection: Connection,
    session: ClientSession,
    limits: ServerLimits,
    topicAliases: number,
    previous: ClientSession | null,
  ): void {
    const aliases = Math.min(topicAliases, limits.topicAliasMaximum)
    this.#online = { connection, session, limits, aliases: aliases === 0 ? null : new OutboundAliases(aliases) }
    this.#poison.connected()
    if (previous !== null) this.#carryOver(previous)
    this.pump()
  }

  offline(error: MqttError): void {
    const online = this.#online
    this.#online = null
    if (online === null) return
    const { outbound } = online.session
    const position = this.#poison.disconnected(outbound, error)
    if (position >= 0) this.#putAside(outbound, position, error)
  }

  /** Rejects everything: nothing will be sent any more. */
  close(session: ClientSession | null, error: MqttError): void {
    this.#online = null
    for (let message = this.#queue.shift(); message !== undefined; message = this.#queue.shift())
      message.rejected(error)
    session?.outbound.forEach((message) => {
      if (message instanceof Publication) message.rejected(error)
    })
    for (const message of session?.releasing.values() ?? []) message.rejected(error)
    session?.releasing.clear()
  }

  /** Resolves when nothing is in flight and nothing is queued. */
  whenIdle(current: () => ClientSession | null): Promise<void> {
    return new Promise((resolve) => {
      this.#idle = () => {
        const session = current()
        if (this.#queue.size > 0 || (session !== null && session.outbound.head < session.outbound.tail)) return
        this.#idle = null
        resolve()
      }
      this.#idle()
    })
  }

  onAcknowledgement(
    type: AcknowledgementPacket['type'],
    packetId: number,
    reasonCode: number,
    properties: Properties | null,
  ): void {
    const { session, connection } = this.#online!
    const { outbound } = session
    const position = outbound.find(packetId)
    const state = outbound.state(position)
    if (type === PacketType.Puback && state === OutboundState.AwaitingPuback) {
      const message = outbound.message(position) as Publication
      outbound.finish(position)
      this.#answered(message, reasonCode, properties)
    } else if (type === PacketType.Pubrec && state === OutboundState.AwaitingPubrec) {
      const message = outbound.message(position) as Publication
      if (reasonCode >= 0x80) {
        outbound.finish(position)
        this.#answered(message, reasonCode, properties)
      } else {
        message.reasonCode = reasonCode
        this.#poison.answered(message)
        session.releasing.set(packetId, message)
        outbound.received(position)
        connection.acknowledge(PacketType.Pubrel, packetId, ReasonCode.Success)
      }
    } else if (type === PacketType.Pubcomp && state === OutboundState.AwaitingPubcomp) {
      outbound.finish(position)
      const message = session.releasing.get(packetId)
      session.releasing.delete(packetId)
      message?.accepted(message.reasonCode)
    } else if (type === PacketType.Pubrec) {
      // It was released already, or never sent. Either way PUBREL lets the broker discard it.
      const known = state === OutboundState.AwaitingPubcomp
      connection.acknowledge(
        PacketType.Pubrel,
        packetId,
        known ? ReasonCode.Success : ReasonCode.PacketIdentifierNotFound,
      )
    }
  }

  /** Sends what can be sent: first what was in flight on an earlier connection, then the queue. */
  pump(): void {
    const online = this.#online
    if (online === null) return
    this.#resend(online)
    for (let message = this.#queue.peek(); message !== undefined; message = this.#queue.peek()) {
      if (!this.#mayGo(message, online)) return
      this.#queue.shift()
      const error = expired(message, this.#clock.now()) ?? refused(message, online.limits)
      if (error !== null) {
        this.#giveUp(message, error)
        continue
      }
      try {
        this.#send(message, online)
        if (message.qos === 0) message.accepted(ReasonCode.Success)
      } catch (cause) {
        this.#giveUp(message, toMqttError(cause, 'ERR_OPTION'))
      }
    }
    this.#idle?.()
  }

  #mayGo(message: Publication, { connection, session }: Online): boolean {
    if (!connection.writable || this.#poison.alone) return false
    const { outbound } = session
    if (this.#poison.isSuspect(message)) return outbound.inFlight === 0 && outbound.waiting === 0
    return outbound.waiting === 0 && (message.qos === 0 || outbound.open)
  }

  /** Throws RangeError for what MQTT cannot carry; nothing is sent then. */
  #send(message: Publication, online: Online): void {
    const { outbound } = online.session
    if (message.qos > 0) message.packetId = packetIdAt(outbound.tail)
    this.#write(message, online)
    if (message.qos === 0) return
    outbound.send(message, message.qos)
    this.#poison.sent(message)
  }

  #resend(online: Online): void {
    const { connection, session, limits } = online
    const { outbound } = session
    while (outbound.releases > 0) connection.acknowledge(PacketType.Pubrel, outbound.sendRelease(), ReasonCode.Success)
    while (outbound.waiting > 0 && !this.#poison.alone) {
      const message = outbound.message(outbound.next) as Publication
      if (!connection.writable || !outbound.open || (this.#poison.isSuspect(message) && outbound.inFlight > 0)) return
      const error = refused(message, limits)
      if (error !== null) {
        this.#giveUp(message, error)
        outbound.dropNext()
        continue
      }
      message.dup = true
      this.#write(message, online)
      outbound.sendNext()
      this.#poison.sent(message)
    }
  }

  #write(message: Publication, { connection, aliases }: Online): void {
    this.#counters.messagesSent++
    if (aliases === null) {
      connection.write(message)
      return
    }
    const known = aliases.known(message.topic)
    // Checked before an alias is assigned: if it cannot be encoded, the broker would never learn the alias.
    if (known === 0) encodedLength(message, 5, text)
    const alias = known === 0 ? aliases.assign(message.topic) : known
    if (alias === 0) {
      connection.write(message)
      return
    }
    const packet = this.#aliased
    packet.topic = known === 0 ? message.topic : ''
    packet.payload = message.payload
    packet.qos = message.qos
    packet.retain = message.retain
    packet.dup = message.dup
    packet.packetId = message.packetId
    packet.properties = { ...message.properties, topicAlias: alias }
    connection.write(packet)
  }

  #answered(message: Publication, reasonCode: number, properties: Properties | null): void {
    this.#poison.answered(message)
    if (reasonCode < 0x80) {
      message.accepted(reasonCode)
      return
    }
    const denied = reasonCode === ReasonCode.NotAuthorized
    const reasonString = properties?.reasonString
    const words = `The broker refused the message to '${message.topic}': ${reasonWords(reasonCode, reasonString)}`
    this.#giveUp(message, new MqttError(denied ? 'ERR_DENIED' : 'ERR_REJECTED', words, { reasonCode, reasonString }))
  }

  /**
   * The broker has forgotten the Session. Messages of QoS 1 in flight are published again. The fate of QoS 2 is
   * unknown, even after PUBREC: a broker may deliver the message only when PUBREL comes [MQTT-4.3.3-8].
   */
  #carryOver(previous: ClientSession): void {
    const again: Publication[] = []
    previous.outbound.forEach((message) => {
      if (!(message instanceof Publication) || message.settled) return
      if (message.qos === 2) {
        this.#giveUp(message, sessionLost(message))
        return
      }
      message.dup = false
      again.push(message)
    })
    for (const message of previous.releasing.values()) this.#giveUp(message, sessionLost(message))
    this.#queue.putBack(again)
  }

  #abort(message: Publication, signal: AbortSignal): void {
    const waited = this.#queue.remove(message)
    message.rejected(aborted(signal, waited ? 'The message was not sent' : 'The message was sent and may still arrive'))
    this.#idle?.()
  }

  #putAside(outbound: ClientSession['outbound'], position: number, cause: MqttError): void {
    const message = outbound.message(position) as Publication
    this.#giveUp(message, poisonError(message, cause))
    // At QoS 2 the broker may still hold the identifier; PUBREL on the resumed Session frees it.
    if (message.qos === 2) outbound.received(position)
    else outbound.finish(position)
  }

  readonly #giveUp = (message: Publication, error: MqttError): void => {
    if (!message.rejected(error)) return
    this.#counters.unsent++
    this.#onUnsent(message.topic, error)
  }
}

function sessionLost({ topic }: Publication): MqttError {
  const words =
    `The broker has forgotten the Session, so whether the message to '${topic}' arrived is unknown. ` +
    'Publish it again if twice does no harm; with sessionExpiry the Session outlives a broken connection'
  return new MqttError('ERR_SESSION_LOST', words)
}
