/**
 * What the core is handed, declared by the core itself: floor 4 implements these and imports their types from here,
 * never the other way round. So the same core runs over TCP, in a test, in a simulation and inside another program.
 */
import type { FullSlab, ProtocolVersion, QoS } from '../protocol/index.ts'
import type { BrokerEvent } from './events/index.ts'
import type { Message, MessageParts } from './message/index.ts'

export type { Message, MessageParts, QoS }

/** Two clocks: one to count with, one that people set. See BrokerTime for what becomes of them. */
export interface Clock {
  /** Milliseconds that went by, since any moment before: never going back, never jumping, whatever the wall clock does. */
  now(): number
  /** Milliseconds since the Unix epoch, as the machine has it at this moment. It may be set, forward or back, at any time. */
  wall(): number
}

/** What the broker's time was when the wall clock showed that. Both in milliseconds. */
export interface StoredTime {
  readonly at: number
  readonly wall: number
}

export interface Random {
  /** A whole number, 0..2^32-1. */
  uint32(): number
}

/** Who is at the other end of a Network Connection, as far as the network knows. */
export interface Peer {
  /** How it came: by TCP, by a Unix socket, or from within this program. */
  readonly kind: 'tcp' | 'unix' | 'in-process'
  /** Its IP address, without brackets; of an IPv4 address mapped into IPv6 only that. Null where there is none. */
  readonly address: string | null
  /** Its port; null where there is none. */
  readonly port: number | null
}

/** The edge's end of one Network Connection: bytes out. Bytes in go to `Connection.receive`. */
export interface Link {
  /** Where the client is, for people: '192.168.1.7:49152', '[::1]:4000', '/run/nightjar.sock', 'in-process'. */
  readonly address: string
  readonly peer: Peer
  /**
   * Sends the full slabs, then bytes[start..end), in one go. True: all of it was taken, the memory is free again. False:
   * the memory is needed until the edge calls `Connection.drained`, and nothing more is sent before that.
   */
  send(full: readonly FullSlab[] | null, bytes: Uint8Array, start: number, end: number): boolean
  /** Nothing more is wanted for now: what the client sends stays with the network until `resume`. */
  pause(): void
  resume(): void
  /** Ends the connection when what was sent has gone. `Connection.closed` follows. */
  close(): void
  /** Ends the connection at once. `Connection.closed` follows. */
  abort(): void
}

/** What is known of a client that wants to connect. */
export interface ConnectRequest {
  readonly clientId: string
  readonly username: string | null
  readonly password: Uint8Array | null
  readonly version: ProtocolVersion
  readonly peer: Peer
  /** The listener that accepted it. */
  readonly listener: string
}

export interface ConnectDecision {
  readonly allowed: boolean
  /** A Connect Reason Code of MQTT 5.0 if it is not; what earlier versions get follows from it. */
  readonly reasonCode: number
  /** The rule that decided, for people: the option, or file and line. */
  readonly rule: string
}

/** What a method of enhanced authentication answers to what the client sent. */
export type AuthenticationOutcome =
  /** More is wanted; `data` goes to the client in AUTH. */
  | { readonly result: 'continue'; readonly data: Uint8Array | null }
  /** It is who it says. `username`: who that is; null: what CONNECT said. `data` goes to it with the good news. */
  | { readonly result: 'success'; readonly username: string | null; readonly data: Uint8Array | null }
  /** It is not. `reasonCode` is one of MQTT 5.0, 0x80 or more; `rule` is for the log, and not told to the client. */
  | { readonly result: 'failure'; readonly reasonCode: number; readonly rule: string }

/** One exchange of enhanced authentication with one client. */
export interface AuthenticationExchange {
  /**
   * Takes the Authentication Data of CONNECT (or of the AUTH that begins anew), then of each further AUTH; null if there
   * was none. `answer` is called once, now or later; if later, the edge has a turn begin first. A slow check then stops
   * nobody else.
   */
  step(data: Uint8Array | null, answer: (outcome: AuthenticationOutcome) => void): void
}

/** Whom `Rules` are asked about. */
export interface Who {
  readonly client: string
  readonly username: string | null
  /** Null while the client is away. */
  readonly address: string | null
}

/**
 * 'will': to have a Will published, when it is due. 'deliver': to have what is published to a topic. A Will that waits for an
 * answer, its own or a reader's, is lost if the broker is killed before that comes.
 */
export type Action = 'publish' | 'deliver' | 'subscribe' | 'unsubscribe' | 'will'

/** What a client wants. */
export interface Question {
  readonly action: Action
  readonly who: Who
  /** A Topic Name; a Topic Filter, as the client sent it, where the action is to subscribe or to unsubscribe. */
  readonly topic: string
  readonly qos: QoS
  readonly retain: boolean
  /** Bytes of the payload; 0 where there is none. */
  readonly size: number
}

export interface Decision {
  readonly allowed: boolean
  /** The rule that decided, for people. */
  readonly rule: string
  /** Where it stands: 'acl.conf:12', an option; null if it stands nowhere. */
  readonly place: string | null
  /** QoS, retain or size had a part in it: the next message is asked about again. Only where the action is to publish. */
  readonly eachTime?: boolean
}

/** Who may do what. What was decided is remembered until `onChange` is called. */
export interface Rules {
  /**
   * Returns the decision; or null, and it comes later: `answer` is then called once, after the edge has had a turn begin.
   * Until then only the client that asked waits. What throws is taken for a no.
   */
  decide(question: Question, answer: (decision: Decision) => void): Decision | null
}

/** Who are you, may you: answers with the rule that decided. */
export interface Access {
  /** Null: the decision comes later, as in `Rules.decide`. */
  connect(request: ConnectRequest, answer: (decision: ConnectDecision) => void): ConnectDecision | null
  /** Null: whoever is in may do everything, and nothing is asked. */
  readonly rules: Rules | null
  /** Set by the core. Called when a decision may be another than before: all that was decided is asked anew. */
  onChange: (() => void) | null
  /** Begins an exchange by that Authentication Method, which then decides in place of `connect`; null: there is none. */
  authentication(method: string, request: ConnectRequest): AuthenticationExchange | null
}

export type EventSink = (event: BrokerEvent) => void

export interface StoredWill {
  readonly message: Message
  /** Seconds, 0..2^32-1. */
  readonly delay: number
}

export interface StoredSubscription {
  /** As the client sent it. */
  readonly filter: string
  readonly qos: QoS
  readonly noLocal: boolean
  readonly retainAsPublished: boolean
  /** Subscription Identifier, or 0. */
  readonly identifier: number
  /** It is owed the retained messages with smaller numbers than this; 0: none. No two replays have the same. */
  readonly owed: number
}

/**
 * Every change of state that outlives a Network Connection, as a small record. Replayed in order they make the state
 * again; `position` is a place in that Session's queue, from which its Packet Identifier follows.
 */
export type StoreRecord =
  /** All times in other records are the broker's. */
  | ({ kind: 'time' } & StoredTime)
  | { kind: 'session'; clientId: string; expiryInterval: number; will: StoredWill | null }
  /**
   * The Network Connection is gone; the Session's time runs from `at` (milliseconds of the broker's time). Of its queue all places before `sent`
   * may have been sent, and none from there on; null: nobody knows.
   */
  | { kind: 'offline'; clientId: string; at: number; will: boolean; sent: number | null }
  | { kind: 'sessionEnded'; clientId: string }
  | { kind: 'subscribed'; clientId: string; subscription: StoredSubscription }
  | { kind: 'unsubscribed'; clientId: string; filter: string }
  /** Of the retained messages that the subscription is owed, this one was sent with QoS 2; 0: all were sent. */
  | { kind: 'replayed'; clientId: string; filter: string; messageId: number }
  /** Once, however many queues refer to it, and before they do. The numbers of messages count up. */
  | { kind: 'message'; message: Message }
  | {
      kind: 'queued'
      clientId: string
      position: number
      messageId: number
      qos: QoS
      retain: boolean
      identifiers: readonly number[] | null
      /** The Topic Filter of the shared subscription that it came by, if it did. */
      shared?: string
      /** Payload bytes. */
      size: number
    }
  /** PUBREC was seen for what is at this position. */
  | { kind: 'received'; clientId: string; position: number }
  | { kind: 'done'; clientId: string; position: number }
  /** A QoS 2 message of the client was taken, and is not released. */
  | { kind: 'inbound'; clientId: string; packetId: number }
  | { kind: 'inboundReleased'; clientId: string; packetId: number }
  /** `at`: since when, in milliseconds of the broker's time; 0: an earlier version did not note it. */
  | { kind: 'retained'; topic: string; messageId: number; at: number }
  | { kind: 'retainedCleared'; topic: string }

/** What a store gives back at start: its state, as records, and two things that no single record says. */
export type LoadRecord =
  | StoreRecord
  /** The Session's queue has these bounds, and so many payload bytes; what is in it is asked for by `read`. */
  | { kind: 'queue'; clientId: string; head: number; tail: number; bytes: number }
  /** Messages up to this number have been stored. */
  | { kind: 'messageIds'; next: number }

/** A message in a queue, as `read` gives it back. */
export interface StoredEntry {
  readonly position: number
  readonly message: Message
  readonly qos: QoS
  readonly retain: boolean
  readonly identifiers: readonly number[] | null
  /** The Topic Filter of the shared subscription that it came by, or null. */
  readonly shared: string | null
  /** PUBREC was seen. */
  readonly received: boolean
}

/**
 * Where promises are kept. Records are appended during a turn; `commit` ends the turn's part; a position is durable when
 * what was promised up to it survives what the store promises to survive.
 */
export interface Store {
  /**
   * Returns the record's position in the log: whoever relies on it waits until `durable` has reached it. `pressing` false:
   * nobody does.
   */
  append(record: StoreRecord, pressing?: boolean): number
  /**
   * The end of a turn: what was appended goes where it is safe, or on its way there. If none of it is pressing that may wait
   * for a turn in which something is, or some milliseconds.
   */
  commit(): void
  /** All up to this position is safe. */
  readonly durable: number
  /** Called when `durable` went up outside of `commit`; the edge then runs a turn. */
  onDurable: (() => void) | null
  /** Called when it is worth trying again what `read` could not do; the edge then runs a turn with `Broker.readable`. */
  onReadable: (() => void) | null
  /** The state at start, as the shortest run of records that makes it. The time comes first. */
  load(): Iterable<LoadRecord>
  /**
   * What a Session is owed at position `from` and after, in order, at most `limit` of it. Empty: nothing more. Positions
   * that were done since the store was opened lie before `from`: who has them done has read them before.
   *
   * Null: it cannot be read now (no file descriptor, no memory, an error of the disk). It is still owed, and may be asked
   * for again after `onReadable`; before that the answer costs nothing.
   */
  read(clientId: string, from: number, limit: number): StoredEntry[] | null
  /** What the store cannot do at the moment, and why, for people; null if all is well. */
  readonly trouble: string | null
  /** So much waits to be written that nothing may be added which is promised to a client. */
  readonly full: boolean
  /** Writes what is left and lets go of everything. Nothing is appended after it. */
  close(): Promise<void>
}
