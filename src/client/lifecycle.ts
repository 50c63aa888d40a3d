import {
  type AcknowledgementPacket,
  type AuthPacket,
  type ConnackPacket,
  PacketType,
  type Properties,
  ProtocolError,
  type PublishView,
  ReasonCode,
  type SubackPacket,
  type UnsubackPacket,
} from '../protocol/index.ts'
import { orAbort, wait } from './abort-signals.ts'
import type { ClientState, CloseOptions } from './api.ts'
import { Authenticator } from './authentication.ts'
import {
  askCredentials,
  connectPacket,
  disconnectProperties,
  falseSession,
  nameOf,
  openTransport,
  refusal,
} from './connect.ts'
import { Connection, type ConnectionOwner } from './connection.ts'
import { closedError, MqttError, toMqttError } from './errors.ts'
import type { Events } from './events.ts'
import { ControlRequest } from './filters.ts'
import type { Credentials, Settings } from './options.ts'
import { warn } from './platform.ts'
import type { Receiver } from './receiver.ts'
import { Reconnect } from './reconnect.ts'
import { answerTopic } from './request.ts'
import type { Sender } from './sender.ts'
import { readServerLimits, type ServerLimits } from './server-limits.ts'
import { ClientSession } from './session.ts'
import type { Counters } from './stats.ts'
import type { SubscribePackets } from './subscribe-packets.ts'
import type { Target } from './url.ts'

const CLOSE_TIMEOUT = 1000

/** The parts that the lifecycle starts and stops. */
export interface LifecycleParts {
  readonly settings: Settings
  /** Null with the option `transport`. */
  readonly target: Target | null
  readonly sender: Sender
  readonly receiver: Receiver
  readonly subscribePackets: SubscribePackets
  readonly events: Events
  readonly counters: Counters
  /** Decides again whether to read on. */
  readonly regulate: () => void
}

/** Connects, resumes or begins the Session, and connects again when the connection ends, until the client is closed. */
export class Lifecycle implements ConnectionOwner {
  // Of the client
  readonly #parts: LifecycleParts
  readonly #reconnect: Reconnect
  readonly #authenticator: Authenticator
  readonly #stop: AbortController = new AbortController()
  readonly closed: Promise<undefined | MqttError>
  #resolveClosed!: (error: undefined | MqttError) => void
  #first: { resolve(): void; reject(error: MqttError): void } | null = null
  #closing: Promise<void> | null = null
  #stopping = false
  #said = false
  state: ClientState = 'connecting'
  clientId: string
  /** Why it was closed; null: it is not closed, or close() was called. */
  error: MqttError | null = null
  // Of the Session
  session: ClientSession | null = null
  // Of the Network Connection
  connection: Connection | null = null
  limits: ServerLimits | null = null
  sessionPresent = false
  #credentials: Credentials = {}
  #cleanStart = true
  #opening: { resolve(): void; reject(error: MqttError): void } | null = null
  #over: Promise<MqttError> | null = null
  #end: ((error: MqttError) => void) | null = null

  constructor(parts: LifecycleParts) {
    this.#parts = parts
    this.#reconnect = new Reconnect(parts.settings.reconnect, parts.settings.random)
    this.#authenticator = new Authenticator(parts.settings.authentication)
    this.clientId = parts.settings.clientId
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve
    })
  }

  /** Resolves at the first CONNACK that accepts; rejects when there will be none. */
  start(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#first = { resolve, reject }
      void this.#run()
    })
  }

  /** Authenticates again on the open connection. */
  authenticate(): Promise<void> {
    return this.#authenticator.again(this.connection)
  }

  /** authenticate() is waiting for an exchange to end. */
  get authenticating(): boolean {
    return this.#authenticator.busy
  }

  close(options: CloseOptions, error: MqttError | null = null): Promise<void> {
    this.#closing ??= this.#close(options, error)
    return this.#closing
  }

  async #close({ timeout = CLOSE_TIMEOUT, withWill, ...words }: CloseOptions, error: MqttError | null): Promise<void> {
    if (this.state === 'closed') return
    this.#stopping = true
    const properties = disconnectProperties(words, this.limits)
    const reasonCode = withWill ? ReasonCode.DisconnectWithWillMessage : ReasonCode.NormalDisconnection
    const { connection } = this
    const gone = connection?.disconnect(closedError(error), reasonCode, properties, timeout)
    this.#finish(error)
    await gone
  }

  async #run(): Promise<void> {
    const { clock } = this.#parts.settings
    for (;;) {
      this.state = 'connecting'
      let error: MqttError
      let delay: number
      try {
        await this.#attempt()
        const since = clock.now()
        error = await this.#over!
        this.#reconnect.lasted(clock.now() - since)
        delay = this.#reconnect.next(error)
      } catch (failure) {
        error = toMqttError(failure, 'ERR_UNREACHABLE')
        delay = this.#reconnect.attemptFailed(error)
        if (delay >= 0 && !this.#stopping) this.#sayOnce(error)
      }
      if (this.#stop.signal.aborted) return
      if (delay < 0) {
        this.#finish(error)
        return
      }
      this.state = 'offline'
      this.#parts.events.emit({ type: 'retry', attempt: this.#reconnect.attempt, delay, error })
      try {
        await wait(clock, delay, this.#stop.signal)
      } catch {
        return
      }
    }
  }

  /** Warns once that the broker cannot be reached, if the program listens to no events. */
  #sayOnce({ message }: MqttError): void {
    if (this.#said || this.#parts.events.heard) return
    this.#said = true
    warn(`${message} Trying again; see the options reconnect and onEvent of connect()`)
  }

  /** Opens a connection. Resolves at CONNACK; rejects with an MqttError if none comes, or it refuses. */
  async #attempt(): Promise<void> {
    const { settings, target, counters } = this.#parts
    const attempt = new AbortController()
    const stop = () => attempt.abort(closedError(this.error))
    this.#stop.signal.addEventListener('abort', stop, { once: true })
    const where = nameOf(target)
    const timer = settings.clock.setTimeout(() => {
      attempt.abort(new MqttError('ERR_TIMEOUT', `${where} did not answer within ${settings.connectTimeout} ms`))
    }, settings.connectTimeout)
    try {
      this.#credentials = await orAbort(askCredentials(settings, target, this.#reconnect.attempt), attempt.signal)
      const data = await orAbort(this.#authenticator.begin(), attempt.signal)
      const transport = await openTransport(settings, target, attempt.signal)
      const connection = new Connection(transport, settings, this, counters)
      this.#cleanStart = this.session === null ? settings.cleanStart : !settings.keepsSession
      const packet = connectPacket(settings, this.clientId, this.#cleanStart, this.#credentials, data)
      const accepted = new Promise<void>((resolve, reject) => {
        this.#opening = { resolve, reject }
      })
      this.#over = new Promise((resolve) => {
        this.#end = resolve
      })
      this.connection = connection
      attempt.signal.addEventListener('abort', () => connection.abort(attempt.signal.reason), { once: true })
      try {
        connection.start(packet)
      } catch (error) {
        // What cannot be encoded now cannot be encoded at the next attempt.
        connection.abort(toMqttError(error, 'ERR_OPTION'))
      }
      await accepted
    } finally {
      settings.clock.clearTimeout(timer)
      this.#stop.signal.removeEventListener('abort', stop)
    }
  }

  // From the connection

  onConnack(packet: ConnackPacket): MqttError | number {
    const { settings, events, counters, sender, receiver, subscribePackets } = this.#parts
    const connection = this.connection!
    const { address } = connection
    const refused =
      refusal(packet, settings, address, this.#credentials) ?? falseSession(packet, this.#cleanStart, address)
    if (refused !== null) return refused
    const { authenticationData, assignedClientIdentifier } = packet.properties
    this.#authenticator.accepted(authenticationData)
    if (assignedClientIdentifier !== undefined) this.clientId = assignedClientIdentifier
    const limits = readServerLimits(packet, settings.protocol, address, settings)
    this.limits = limits
    const previous = this.#resumeSession(packet.sessionPresent)
    this.sessionPresent = packet.sessionPresent
    this.state = 'online'
    counters.connections++
    this.#reconnect.accepted()
    const session = this.session!
    session.outbound.resume(Math.min(settings.maximumInFlight, limits.receiveMaximum))
    receiver.online(connection, session, settings.receiveMaximum, settings.topicAliasMaximum)
    subscribePackets.online(connection, session, limits, packet.sessionPresent)
    sender.online(connection, session, limits, settings.topicAliases, previous)
    this.#parts.regulate()
    events.emit({ type: 'online', address, sessionPresent: packet.sessionPresent })
    this.#opening?.resolve()
    this.#first?.resolve()
    this.#first = null
    return limits.keepAlive
  }

  onAuth(packet: AuthPacket): void {
    this.#authenticator.onAuth(packet, this.connection!)
    this.#parts.regulate()
  }

  onPublish(view: PublishView): void {
    this.#parts.receiver.onPublish(view)
  }

  onAcknowledgement(
    type: AcknowledgementPacket['type'],
    packetId: number,
    reasonCode: number,
    properties: Properties | null,
  ): void {
    const { receiver, sender, subscribePackets, regulate } = this.#parts
    if (type === PacketType.Pubrel) {
      receiver.onPubrel(packetId)
    } else {
      sender.onAcknowledgement(type, packetId, reasonCode, properties)
      subscribePackets.askNext()
      sender.pump()
    }
    regulate()
  }

  onAnswer(packet: SubackPacket | UnsubackPacket): void {
    const { outbound } = this.session!
    const position = outbound.find(packet.packetId)
    const request = position < 0 ? null : outbound.message(position)
    const kind = packet.type === PacketType.Suback ? 'subscribe' : 'unsubscribe'
    if (!(request instanceof ControlRequest) || request.kind !== kind) {
      throw new ProtocolError(ReasonCode.ProtocolError, `The broker answered a ${kind} that was not sent`, 0)
    }
    outbound.finish(position)
    this.#parts.subscribePackets.onAnswer(request, packet)
    // The request may have held up messages: it had a place in the window of Packet Identifiers.
    this.#parts.sender.pump()
    this.#parts.regulate()
  }

  onWritable(): void {
    this.#parts.sender.pump()
  }

  onEnd(error: MqttError): void {
    const wasOnline = this.state === 'online'
    this.connection = null
    this.#authenticator.ended(error)
    if (this.state !== 'closed') this.state = 'offline'
    if (wasOnline) {
      this.#parts.sender.offline(error)
      // If the client is closing, #finish rejects those who wait for UNSUBACK.
      if (!this.#stopping) this.#parts.subscribePackets.offline()
      this.#parts.receiver.offline()
      if (!this.#stopping) this.#parts.events.emit({ type: 'offline', error })
    }
    this.#opening?.reject(error)
    this.#end?.(error)
  }

  /** Keeps our Session State, or replaces it by a new one [MQTT-3.2.2-5] and returns the old one. */
  #resumeSession(present: boolean): ClientSession | null {
    const previous = this.session
    if (present && previous !== null) return null
    this.session = new ClientSession(present)
    const { receiver, settings } = this.#parts
    receiver.stopUnclaimed()
    // Answers to requests of an earlier process are nobody's.
    if (present) receiver.expectUnclaimed(settings.subscriptions, [answerTopic(this.limits!, this.clientId)])
    return previous
  }

  /** Ends the client, for whatever reason. Only the first call counts. */
  #finish(error: MqttError | null): void {
    if (this.state === 'closed') return
    const { sender, receiver, subscribePackets, events } = this.#parts
    this.state = 'closed'
    this.error = error
    receiver.stopUnclaimed()
    const closed = closedError(error)
    sender.close(this.session, closed)
    subscribePackets.close(closed, error)
    this.#stop.abort()
    this.#first?.reject(error ?? closed)
    this.#first = null
    events.emit({ type: 'closed', error })
    events.end()
    this.#resolveClosed(error ?? undefined)
  }
}
