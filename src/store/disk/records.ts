import type { Message, MessageParts, QoS, StoredSubscription, StoredWill, StoreRecord } from '../../broker/contracts.ts'
import type { ByteReader, ByteWriter } from './byte-writer.ts'
import { Damage } from './trouble.ts'

/** The class of messages is the broker's: the store is handed a way to make them. */
export type MakeMessage = (parts: MessageParts) => Message

/** The first byte of each record. A number once given keeps its meaning, as files of earlier versions must be read. */
export const Kind = {
  session: 1,
  offline: 2,
  sessionEnded: 3,
  subscribed: 4,
  unsubscribed: 5,
  message: 6,
  queued: 7,
  received: 8,
  done: 9,
  inbound: 10,
  inboundReleased: 11,
  retained: 12,
  retainedCleared: 13,
  /** As `offline`, and which of the queue may have been sent. */
  offlineSent: 14,
  replayed: 15,
  /** As `retained`, and since when. */
  retainedSince: 16,
  time: 17,
} as const

export const RETAIN = 4
export const IDENTIFIERS = 8
export const SHARED = 16
/** Of a subscription: retained messages are owed to it. */
const OWED = 16

function kindOf(record: StoreRecord): number {
  if (record.kind === 'retained') return Kind.retainedSince
  return record.kind === 'offline' && record.sent !== null ? Kind.offlineSent : Kind[record.kind]
}

/** Writes a record; `session` is the number of the Session that it names, if it names one. */
export function writeRecord(out: ByteWriter, record: StoreRecord, session: number): void {
  out.byte(kindOf(record))
  if ('clientId' in record) out.uint32(session)
  switch (record.kind) {
    case 'session':
      out.text(record.clientId)
      out.uint32(record.expiryInterval)
      writeWill(out, record.will)
      return
    case 'offline':
      out.double(record.at)
      out.byte(record.will ? 1 : 0)
      if (record.sent !== null) out.double(record.sent)
      return
    case 'subscribed':
      writeSubscription(out, record.subscription)
      return
    case 'unsubscribed':
      out.text(record.filter)
      return
    case 'replayed':
      out.text(record.filter)
      out.double(record.messageId)
      return
    case 'message':
      writeMessage(out, record.message)
      return
    case 'queued':
      out.double(record.position)
      out.double(record.messageId)
      out.uint32(record.size)
      writeDelivery(out, record.qos, record.retain, record.identifiers, record.shared ?? null)
      return
    case 'received':
    case 'done':
      out.double(record.position)
      return
    case 'inbound':
    case 'inboundReleased':
      out.uint32(record.packetId)
      return
    case 'retained':
      out.text(record.topic)
      out.double(record.messageId)
      out.double(record.at)
      return
    case 'time':
      out.double(record.at)
      out.double(record.wall)
      return
    case 'retainedCleared':
      out.text(record.topic)
      return
    case 'sessionEnded':
  }
}

/** A record as it is read: the Session by its number. */
export interface ReadRecord {
  readonly session: number
  readonly record: StoreRecord
}

/**
 * Reads the next record, if it is none of those that `scanRecords` reads itself; `clientOf` knows the Client Identifier of a
 * Session's number. Throws Damage at rubbish.
 */
export function readRecord(from: ByteReader, clientOf: (session: number) => string, make: MakeMessage): ReadRecord {
  const kind = from.byte()
  const read = READERS[kind]
  if (read === undefined) throw new Damage(`there is no record of kind ${kind}`)
  const session = OF_SESSION.has(kind) ? from.uint32() : 0
  return { session, record: read(from, session, clientOf, make) }
}

const OF_SESSION: ReadonlySet<number> = new Set([
  Kind.session,
  Kind.offline,
  Kind.offlineSent,
  Kind.sessionEnded,
  Kind.subscribed,
  Kind.unsubscribed,
  Kind.replayed,
  Kind.inbound,
  Kind.inboundReleased,
])

type Read = (from: ByteReader, session: number, clientOf: (session: number) => string, make: MakeMessage) => StoreRecord

const READERS: Readonly<Record<number, Read>> = {
  [Kind.session]: (from, _session, _clientOf, make) => {
    const clientId = from.text()
    const expiryInterval = from.uint32()
    return { kind: 'session', clientId, expiryInterval, will: readWill(from, make) }
  },
  [Kind.offline]: (from, session, clientOf) => {
    const at = from.double()
    return { kind: 'offline', clientId: clientOf(session), at, will: from.byte() === 1, sent: null }
  },
  [Kind.offlineSent]: (from, session, clientOf) => {
    const at = from.double()
    const will = from.byte() === 1
    return { kind: 'offline', clientId: clientOf(session), at, will, sent: from.double() }
  },
  [Kind.sessionEnded]: (_from, session, clientOf) => ({ kind: 'sessionEnded', clientId: clientOf(session) }),
  [Kind.subscribed]: (from, session, clientOf) => ({
    kind: 'subscribed',
    clientId: clientOf(session),
    subscription: readSubscription(from),
  }),
  [Kind.unsubscribed]: (from, session, clientOf) => ({
    kind: 'unsubscribed',
    clientId: clientOf(session),
    filter: from.text(),
  }),
  [Kind.replayed]: (from, session, clientOf) => ({
    kind: 'replayed',
    clientId: clientOf(session),
    filter: from.text(),
    messageId: from.double(),
  }),
  [Kind.inbound]: (from, session, clientOf) => ({
    kind: 'inbound',
    clientId: clientOf(session),
    packetId: from.uint32(),
  }),
  [Kind.inboundReleased]: (from, session, clientOf) => ({
    kind: 'inboundReleased',
    clientId: clientOf(session),
    packetId: from.uint32(),
  }),
  [Kind.retained]: (from) => {
    const topic = from.text()
    return { kind: 'retained', topic, messageId: from.double(), at: 0 }
  },
  [Kind.retainedSince]: (from) => {
    const topic = from.text()
    const messageId = from.double()
    return { kind: 'retained', topic, messageId, at: from.double() }
  },
  [Kind.time]: (from) => {
    const at = from.double()
    return { kind: 'time', at, wall: from.double() }
  },
  [Kind.retainedCleared]: (from) => ({ kind: 'retainedCleared', topic: from.text() }),
}

function writeMessage(out: ByteWriter, message: Message): void {
  const { topicBytes, topicStart, topicEnd, bytes, propertiesStart, propertiesEnd, payloadEnd, publisher } = message
  out.double(message.id)
  out.byte(message.qos | (message.retain ? RETAIN : 0) | (publisher === null ? 0 : IDENTIFIERS))
  out.double(message.expiresAt)
  if (publisher !== null) out.text(publisher)
  out.uint32(topicEnd - topicStart)
  out.uint32(propertiesEnd - propertiesStart)
  out.uint32(payloadEnd - propertiesEnd)
  out.bytes(topicBytes, topicStart, topicEnd)
  out.bytes(bytes, propertiesStart, payloadEnd)
}

/** Passes over the record of a message and returns its number. At start nobody needs what a million queued messages say. */
export function skipMessage(from: ByteReader): number {
  from.skip(1)
  const id = from.double()
  const flags = from.byte()
  from.skip(8)
  if ((flags & IDENTIFIERS) !== 0) from.skip(from.uint32())
  const topicLength = from.uint32()
  const propertiesLength = from.uint32()
  from.skip(topicLength + propertiesLength + from.uint32())
  return id
}

export function readMessage(from: ByteReader, make: MakeMessage): Message {
  const id = from.double()
  const flags = from.byte()
  const expiresAt = from.double()
  const publisher = (flags & IDENTIFIERS) === 0 ? null : from.text()
  const topicLength = from.uint32()
  const propertiesLength = from.uint32()
  const payloadLength = from.uint32()
  const topic = from.peekText(topicLength)
  const bytes = from.bytes(topicLength + propertiesLength + payloadLength)
  const qos = (flags & 3) as QoS
  const retain = (flags & RETAIN) !== 0
  return make({ id, topic, bytes, topicLength, propertiesLength, payloadLength, qos, retain, expiresAt, publisher })
}

export function writeWill(out: ByteWriter, will: StoredWill | null): void {
  out.byte(will === null ? 0 : 1)
  if (will === null) return
  out.uint32(will.delay)
  writeMessage(out, will.message)
}

export function readWill(from: ByteReader, make: MakeMessage): StoredWill | null {
  if (from.byte() === 0) return null
  const delay = from.uint32()
  return { delay, message: readMessage(from, make) }
}

export function writeSubscription(out: ByteWriter, subscription: StoredSubscription): void {
  const { filter, qos, noLocal, retainAsPublished, identifier, owed } = subscription
  out.text(filter)
  out.byte(qos | (noLocal ? 4 : 0) | (retainAsPublished ? 8 : 0) | (owed > 0 ? OWED : 0))
  out.uint32(identifier)
  if (owed > 0) out.double(owed)
}

export function readSubscription(from: ByteReader): StoredSubscription {
  const filter = from.text()
  const options = from.byte()
  const identifier = from.uint32()
  const owed = (options & OWED) === 0 ? 0 : from.double()
  const noLocal = (options & 4) !== 0
  return { filter, qos: (options & 3) as QoS, noLocal, retainAsPublished: (options & 8) !== 0, identifier, owed }
}

export function writeDelivery(
  out: ByteWriter,
  qos: QoS,
  retain: boolean,
  identifiers: readonly number[] | null,
  shared: string | null,
): void {
  out.byte(qos | (retain ? RETAIN : 0) | (identifiers === null ? 0 : IDENTIFIERS) | (shared === null ? 0 : SHARED))
  if (identifiers !== null) {
    out.uint32(identifiers.length)
    for (const identifier of identifiers) out.uint32(identifier)
  }
  if (shared !== null) out.text(shared)
}

export function readIdentifiers(from: ByteReader): number[] {
  return Array.from({ length: from.uint32() }, () => from.uint32())
}
