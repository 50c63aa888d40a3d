import { PacketType } from '../protocol/index.ts'
import type { Connection } from './connection.ts'

/** The acknowledgement that is owed for one message of QoS 1 or 2, held back until all who have the message let it go. */
export class Receipt {
  readonly packetId: number
  readonly qos: 1 | 2
  /** How many deliveries of the message have not been let go. */
  holders: number
  reasonCode = 0
  /** Where it will be written; null once it was, or when its connection or its Session is gone. */
  book: Acknowledgements | null = null

  constructor(packetId: number, qos: 1 | 2, holders: number) {
    this.packetId = packetId
    this.qos = qos
    this.holders = holders
  }

  get done(): boolean {
    return this.holders === 0
  }

  /** One delivery lets go; a refusal counts more than a success. */
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

  /** Nothing is held back: an acknowledgement may be written at once. */
  get empty(): boolean {
    return this.#head === this.#owed.length
  }

  /** Acknowledgements that are owed. */
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

  /** Writes what is done, up to the first that is not. */
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
