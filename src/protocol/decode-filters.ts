import { ProtocolError } from './errors.ts'
import {
  PacketType,
  type QoS,
  type Sequence,
  type SubscribePacket,
  type SubscriptionRequest,
  type UnsubscribePacket,
} from './packets.ts'
import type { Reader } from './reader.ts'
import { ReasonCode } from './reason-codes.ts'

/** What is done for each of them costs far more than its bytes, so there is a bound, far above what clients send in one packet. */
const MAXIMUM_FILTERS = 65_536

export function readSubscribe(reader: Reader, bytesAtOnce: number): SubscribePacket {
  const packetId = reader.packetId()
  const properties = reader.properties(PacketType.Subscribe)
  // At least one [MQTT-3.8.3-2].
  if (reader.atEnd) throw reader.protocolError('The SUBSCRIBE has no Topic Filter', reader.at)
  const subscriptions = readAll(reader, bytesAtOnce, readSubscription, checkSubscription)
  return { type: PacketType.Subscribe, packetId, subscriptions, properties }
}

export function readUnsubscribe(reader: Reader, bytesAtOnce: number): UnsubscribePacket {
  const packetId = reader.packetId()
  const properties = reader.properties(PacketType.Unsubscribe)
  // At least one [MQTT-3.10.3-2].
  if (reader.atEnd) throw reader.protocolError('The UNSUBSCRIBE has no Topic Filter', reader.at)
  const filters = readAll(reader, bytesAtOnce, readFilter, checkFilter)
  return { type: PacketType.Unsubscribe, packetId, filters, properties }
}

/**
 * All that is left of a packet. It is checked whole, so that of a malformed packet nothing is done. A large one is only
 * checked, and read later, one by one: to make text and objects of ten megabytes takes ten times as long as to check them.
 */
function readAll<T>(
  reader: Reader,
  bytesAtOnce: number,
  read: (reader: Reader) => T,
  check: (reader: Reader) => void,
): Sequence<T> {
  if (reader.end - reader.at <= bytesAtOnce) {
    const all: T[] = []
    for (; !reader.atEnd; all.push(read(reader))) checkCount(reader, all.length)
    return all
  }
  const kept = reader.keep()
  let length = 0
  for (; !reader.atEnd; length++) {
    checkCount(reader, length)
    check(reader)
  }
  return new ReadLater(length, kept, read)
}

class ReadLater<T> implements Sequence<T> {
  readonly length: number
  /** Stands before the first. */
  readonly #reader: Reader
  readonly #read: (reader: Reader) => T

  constructor(length: number, reader: Reader, read: (reader: Reader) => T) {
    this.length = length
    this.#reader = reader
    this.#read = read
  }

  *[Symbol.iterator](): IterableIterator<T> {
    const reader = this.#reader.keep()
    while (!reader.atEnd) yield this.#read(reader)
  }
}

function readFilter(reader: Reader): string {
  return reader.string('Topic Filter')
}

function checkFilter(reader: Reader): void {
  reader.skipString('Topic Filter')
}

function readSubscription(reader: Reader): SubscriptionRequest {
  const filter = readFilter(reader)
  const options = readOptions(reader)
  return {
    filter,
    qos: (options & 3) as QoS,
    noLocal: (options & 4) !== 0,
    retainAsPublished: (options & 8) !== 0,
    retainHandling: ((options >> 4) & 3) as 0 | 1 | 2,
  }
}

function checkSubscription(reader: Reader): void {
  checkFilter(reader)
  readOptions(reader)
}

function readOptions(reader: Reader): number {
  const at = reader.at
  const options = reader.byte('Subscription Options')
  const reserved = reader.version === 5 ? 0xc0 : 0xfc
  if ((options & reserved) !== 0) throw reader.malformed('A reserved Subscription Option is set', at) // [MQTT-3.8.3-5]
  if ((options & 3) === 3) {
    throw reader.version === 5 ? reader.protocolError('The QoS is 3', at) : reader.malformed('The QoS is 3', at)
  }
  if (((options >> 4) & 3) === 3) throw reader.protocolError('The Retain Handling is 3', at)
  return options
}

function checkCount(reader: Reader, count: number): void {
  if (count < MAXIMUM_FILTERS) return
  const words = `More than ${MAXIMUM_FILTERS} Topic Filters in one packet`
  throw new ProtocolError(ReasonCode.QuotaExceeded, words, reader.at - reader.start)
}
