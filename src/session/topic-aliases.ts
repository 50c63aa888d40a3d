/** Topic Aliases that the other side may use towards us: alias -> Topic Name. They die with the Network Connection. */
export class InboundAliases<T> {
  /** Topic Alias Maximum that we announced, 0..65,535. */
  readonly maximum: number
  readonly #topics: (T | undefined)[] = []

  constructor(maximum: number) {
    this.maximum = maximum
  }

  /** Only for 1..maximum: the caller has checked [MQTT-3.3.2-8]. */
  set(alias: number, topic: T): void {
    this.#topics[alias] = topic
  }

  get(alias: number): T | undefined {
    return this.#topics[alias]
  }
}

/** Topic Aliases that we use towards the other side: the first Topic Names each get one, until Topic Alias Maximum is spent. */
export class OutboundAliases {
  readonly #maximum: number
  readonly #aliases: Map<string, number> = new Map()

  /** maximum is what the other side announced and what our own limit allows [MQTT-3.1.2-26]. */
  constructor(maximum: number) {
    this.#maximum = maximum
  }

  /** The alias of a topic that the other side knows already, or 0. */
  known(topic: string): number {
    return this.#aliases.get(topic) ?? 0
  }

  /** A new alias for the topic, to be sent together with it; 0 if all are spent. */
  assign(topic: string): number {
    if (this.#aliases.size >= this.#maximum) return 0
    const alias = this.#aliases.size + 1
    this.#aliases.set(topic, alias)
    return alias
  }
}
