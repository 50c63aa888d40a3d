import type { StoredSubscription, StoredWill, StoreRecord } from '../../broker/contracts.ts'
import { Replayed } from '../replayed.ts'
import { ByteReader, type ByteWriter } from './byte-writer.ts'
import { type MakeMessage, readSubscription, readWill, writeSubscription, writeWill } from './records.ts'

/** A Session but for its queue: what stands under its number in the tree. */
export class SessionState {
  readonly number: number
  clientId: string
  expiryInterval = 0
  /** Milliseconds since the epoch; 0: online when last heard of. */
  offlineAt = 0
  /** Of the queue, all before this place may have been sent. Null: nobody knows. */
  sent: number | null = null
  will: StoredWill | null = null
  readonly subscriptions: Map<string, StoredSubscription> = new Map()
  readonly replayed: Replayed = new Replayed()
  readonly inbound: Set<number> = new Set()

  constructor(number: number, clientId: string) {
    this.number = number
    this.clientId = clientId
  }

  /** Applies what a record of this Session changes, but for its queue. */
  apply(record: StoreRecord): void {
    switch (record.kind) {
      case 'session':
        this.expiryInterval = record.expiryInterval
        this.will = record.will
        this.offlineAt = 0
        this.sent = null
        return
      case 'offline':
        this.offlineAt = record.at
        this.sent = record.sent
        if (!record.will) this.will = null
        return
      case 'subscribed':
        this.replayed.subscribed(this.subscriptions, record.subscription)
        return
      case 'unsubscribed':
        this.replayed.unsubscribed(this.subscriptions, record.filter)
        return
      case 'replayed':
        this.replayed.note(this.subscriptions, record.filter, record.messageId)
        return
      case 'inbound':
        this.inbound.add(record.packetId)
        return
      case 'inboundReleased':
        this.inbound.delete(record.packetId)
        return
      default:
    }
  }
}

export function encodeSession(out: ByteWriter, session: SessionState): void {
  out.text(session.clientId)
  out.uint32(session.expiryInterval)
  out.double(session.offlineAt)
  writeWill(out, session.will)
  out.uint32(session.subscriptions.size)
  for (const subscription of session.subscriptions.values()) writeSubscription(out, subscription)
  out.uint32(session.inbound.size)
  for (const packetId of session.inbound) out.uint32(packetId)
  const { sent, replayed } = session
  if (sent === null && replayed.size === 0) return
  // It was the last there is, and could be left out, before there were replays.
  out.double(sent ?? Number.NaN)
  for (const [filter, messageIds] of replayed.entries()) {
    out.text(filter)
    out.uint32(messageIds.size)
    for (const messageId of messageIds) out.double(messageId)
  }
}

export function decodeSession(number: number, value: Buffer, make: MakeMessage): SessionState {
  const from = new ByteReader(value, 0, value.length)
  const session = new SessionState(number, from.text())
  session.expiryInterval = from.uint32()
  session.offlineAt = from.double()
  session.will = readWill(from, make)
  for (let left = from.uint32(); left > 0; left--) {
    const subscription = readSubscription(from)
    session.subscriptions.set(subscription.filter, subscription)
  }
  for (let left = from.uint32(); left > 0; left--) session.inbound.add(from.uint32())
  if (from.atEnd) return session
  const sent = from.double()
  session.sent = Number.isNaN(sent) ? null : sent
  while (!from.atEnd) {
    const filter = from.text()
    for (let left = from.uint32(); left > 0; left--) session.replayed.note(session.subscriptions, filter, from.double())
  }
  return session
}
