import type { Buffer } from 'node:buffer'
import type { QoS, StoreRecord } from '../../broker/contracts.ts'
import { ByteReader } from './byte-writer.ts'
import {
  IDENTIFIERS,
  Kind,
  type MakeMessage,
  RETAIN,
  readIdentifiers,
  readRecord,
  SHARED,
  skipMessage,
} from './records.ts'

/** What is particular to one place in a queue, and rare. */
export interface Extras {
  readonly identifiers: readonly number[] | null
  /** The Topic Filter of the shared subscription that it came by, or null. */
  readonly shared: string | null
}

/** What a place in a queue says beyond the message: QoS, retain, and what is rare. */
export interface Delivery {
  readonly qos: QoS
  readonly retain: boolean
  readonly extras: Extras | null
}

/**
 * Takes the records of a log one after the other. The four kinds of which there are millions come as plain numbers; of a
 * message only where it stands, as nobody needs what it says.
 */
export interface RecordSink {
  message(id: number, offset: number, length: number): void
  queued(session: number, position: number, messageId: number, size: number, delivery: Delivery): void
  received(session: number, position: number): void
  done(session: number, position: number): void
  /** Any other record, and the number of its Session, if it has one. */
  other(session: number, record: StoreRecord): void
}

/** Each of them is the same for all that have nothing particular. */
const PLAIN: readonly Delivery[] = [0, 1, 2, 3, 4, 5, 6, 7].map((flags) => ({
  qos: (flags & 3) as QoS,
  retain: (flags & RETAIN) !== 0,
  extras: null,
}))

/**
 * Reads records from buffer[start..end), of which the first `passed` are passed over. `clientOf` knows the Client
 * Identifier of a Session's number. Throws Damage at rubbish.
 */
export function scanRecords(
  buffer: Buffer,
  start: number,
  end: number,
  passed: number,
  clientOf: (session: number) => string,
  make: MakeMessage,
  sink: RecordSink,
): void {
  const from = new ByteReader(buffer, start, end)
  for (let left = passed; !from.atEnd; left--) scanRecord(from, left > 0, clientOf, make, sink)
}

function scanRecord(
  from: ByteReader,
  pass: boolean,
  clientOf: (session: number) => string,
  make: MakeMessage,
  sink: RecordSink,
): void {
  const offset = from.at
  switch (from.peek()) {
    case Kind.message: {
      const id = skipMessage(from)
      if (!pass) sink.message(id, offset, from.at - offset)
      return
    }
    case Kind.queued: {
      from.skip(1)
      const session = from.uint32()
      const position = from.double()
      const messageId = from.double()
      const size = from.uint32()
      const delivery = readDelivery(from)
      if (!pass) sink.queued(session, position, messageId, size, delivery)
      return
    }
    case Kind.received:
    case Kind.done: {
      const kind = from.byte()
      const session = from.uint32()
      const position = from.double()
      if (pass) return
      if (kind === Kind.done) sink.done(session, position)
      else sink.received(session, position)
      return
    }
    default: {
      const { session, record } = readRecord(from, clientOf, make)
      if (!pass) sink.other(session, record)
    }
  }
}

export function readDelivery(from: ByteReader): Delivery {
  const flags = from.byte()
  const plain = PLAIN[flags & 7]!
  if ((flags & (IDENTIFIERS | SHARED)) === 0) return plain
  const identifiers = (flags & IDENTIFIERS) === 0 ? null : readIdentifiers(from)
  const shared = (flags & SHARED) === 0 ? null : from.text()
  return { ...plain, extras: { identifiers, shared } }
}

/** One object for all deliveries that are alike. */
export function deliveryOf(
  qos: QoS,
  retain: boolean,
  identifiers: readonly number[] | null,
  shared: string | null,
): Delivery {
  const plain = PLAIN[qos | (retain ? RETAIN : 0)]!
  return identifiers === null && shared === null ? plain : { ...plain, extras: { identifiers, shared } }
}
