import type { StoredSubscription, StoredWill, StoreRecord } from '../../broker/contracts.ts'
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
        this.subscriptions.set(record.subscription.filter, record.subscription)
        return
      case 'unsubscribed':
        this.subscriptions.delete(record.filter)
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
  if (session.sent !== null) out.double(session.sent)
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
  if (!from.atEnd) session.sent = from.double()
  return session
}
