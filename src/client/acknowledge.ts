import { PacketType } from '../protocol/index.ts'
import type { Connection } from './connection.ts'

/**
 * The acknowledgement of one message of QoS 1 or 2, held back until every subscription that got the message releases
 * it.
 */
export class Receipt {
  readonly packetId: number
  readonly qos: 1 | 2
  /** Deliveries of the message that have not been released. */
  holders: number
  reasonCode = 0
  /** Where it will be written; null once it was written, or its connection or Session is gone. */
  book: Acknowledgements | null = null

  constructor(packetId: number, qos: 1 | 2, holders: number) {
    this.packetId = packetId
    this.qos = qos
    this.holders = holders
  }

  get done(): boolean {
    return this.holders === 0
  }

  /** One delivery is done with the message. Of several Reason Codes the highest is sent. */
  release(reasonCode: number): void {
    if (this.holders === 0) return
    this.holders--
    if (reasonCode > this.reasonCode) this.reasonCode = reasonCode
    if (this.holders === 0) this.book?.flush()
  }
}

/** PUBACK and PUBREC of one connection, in the order in which the messages came [MQTT-4.6.0-2] [MQTT-4.6.0-3]. */
export class Acknowledgements {
  readonly #connection: Connection
  readonly #written: (receipt: Receipt) => void
  #owed: Receipt[] = []
  #head = 0

  constructor(connection: Connection, written: (receipt: Receipt) => void) {
    this.#connection = connection
    this.#written = written
  }

  /** Nothing is held back: the next acknowledgement can be written at once. */
  get empty(): boolean {
    return this.#head === this.#owed.length
  }

  /** Acknowledgements that are not written yet. */
  get size(): number {
    return this.#owed.length - this.#head
  }

  write(packetId: number, qos: 1 | 2, reasonCode: number): void {
    this.#connection.acknowledge(qos === 1 ? PacketType.Puback : PacketType.Pubrec, packetId, reasonCode)
  }

  add(receipt: Receipt): void {
    if (receipt.book === this) return
    receipt.book = this
    this.#owed.push(receipt)
    if (receipt.done) this.flush()
  }

  /** Writes acknowledgements up to the first that is still held back. */
  flush(): void {
    for (let receipt = this.#owed[this.#head]; receipt?.done; receipt = this.#owed[this.#head]) {
      this.#head++
      receipt.book = null
      this.write(receipt.packetId, receipt.qos, receipt.reasonCode)
      this.#written(receipt)
    }
    if (this.#head === this.#owed.length || this.#head > 1000) {
      this.#owed = this.#owed.slice(this.#head)
      this.#head = 0
    }
  }
}
