/**
 * The Packet Identifiers of QoS 2 messages that came and were not released yet: a repeated PUBLISH with one of them is no
 * new message [MQTT-4.3.3-10]. QoS 1 needs no memory: each PUBLISH is a new message [MQTT-4.3.2-5].
 */
export class Inbound {
  #unreleased: Set<number> | null = null

  get size(): number {
    return this.#unreleased === null ? 0 : this.#unreleased.size
  }

  has(packetId: number): boolean {
    return this.#unreleased?.has(packetId) ?? false
  }

  add(packetId: number): void {
    if (this.#unreleased === null) this.#unreleased = new Set()
    this.#unreleased.add(packetId)
  }

  /** PUBREL came: the identifier may be used for a new message [MQTT-4.3.3-12]. False if it was not known. */
  release(packetId: number): boolean {
    return this.#unreleased?.delete(packetId) ?? false
  }

  /** The identifiers not released, in the order in which they came. */
  identifiers(): Iterable<number> {
    return this.#unreleased ?? []
  }
}
