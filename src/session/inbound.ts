const BITS_BYTES = 65_536 / 8

/**
 * The Packet Identifiers of QoS 2 messages that came and were not released yet: a repeated PUBLISH with one of them is no
 * new message [MQTT-4.3.3-10]. QoS 1 needs no memory: each PUBLISH is a new message [MQTT-4.3.2-5]. Whoever releases
 * nothing costs 8 KiB more, not a megabyte.
 */
export class Inbound {
  /** Number of identifiers. */
  size = 0
  readonly #singly: number
  #few: Set<number> | null = null
  /** A bit for each identifier, from the time that they are many until none is left. */
  #bits: Uint8Array | null = null

  /** Up to so many are kept one by one: most clients have a few at a time. */
  constructor(singly: number = 1024) {
    this.#singly = singly
  }

  has(packetId: number): boolean {
    if (this.#bits !== null) return (this.#bits[packetId >> 3]! & (1 << (packetId & 7))) !== 0
    return this.#few?.has(packetId) ?? false
  }

  add(packetId: number): void {
    if (this.has(packetId)) return
    this.size++
    if (this.size > this.#singly && this.#bits === null) this.#spread()
    if (this.#bits !== null) {
      this.#bits[packetId >> 3]! |= 1 << (packetId & 7)
      return
    }
    if (this.#few === null) this.#few = new Set()
    this.#few.add(packetId)
  }

  /** PUBREL came: the identifier may be used for a new message [MQTT-4.3.3-12]. False if it was not known. */
  release(packetId: number): boolean {
    if (!this.has(packetId)) return false
    this.size--
    if (this.#bits === null) this.#few!.delete(packetId)
    else if (this.size === 0) this.#bits = null
    else this.#bits[packetId >> 3]! &= ~(1 << (packetId & 7))
    return true
  }

  #spread(): void {
    const bits = new Uint8Array(BITS_BYTES)
    for (const packetId of this.#few!) bits[packetId >> 3]! |= 1 << (packetId & 7)
    this.#bits = bits
    this.#few = null
  }
}
