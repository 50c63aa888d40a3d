import type { Core } from '../core.ts'
import { BROKER, makeMessage } from '../message/index.ts'
import { publishMessage } from '../publish/index.ts'
import { loadTopics, sysTopics } from './sys-topics.ts'

const ROOT = '$SYS/broker/'
const MINUTES = [1, 5, 15] as const

/** A count's change in a minute, smoothed over 1, 5 and 15 minutes. */
class Load {
  readonly #averages: number[] = MINUTES.map(() => 0)
  #last = 0

  /** Takes the count after another `seconds`; returns the three averages. */
  take(count: number, seconds: number): readonly number[] {
    const rate = ((count - this.#last) * 60) / seconds
    this.#last = count
    for (const [i, minutes] of MINUTES.entries()) {
      const kept = Math.exp(-seconds / (60 * minutes))
      this.#averages[i] = rate + (this.#averages[i]! - rate) * kept
    }
    return this.#averages
  }
}

/** Publishes the broker's status below `$SYS/broker/`, retained, what has changed every `sys_interval` seconds. */
export class SysStatus {
  readonly #core: Core
  readonly #published: Map<string, string> = new Map()
  readonly #loads: readonly Load[] = loadTopics.map(() => new Load())
  /** Milliseconds: when that was last. */
  #updated = Number.NEGATIVE_INFINITY
  #last: number

  constructor(core: Core) {
    this.#core = core
    this.#last = core.now
  }

  tick(): void {
    const { now, settings } = this.#core
    const { sysInterval } = settings
    if (sysInterval === 0 || now < this.#updated + sysInterval * 1000) return
    this.#updated = now
    for (const { topic, value } of sysTopics) this.#publish(topic, value(this.#core))
    const seconds = (now - this.#last) / 1000
    if (seconds <= 0) return
    this.#last = now
    for (const [i, { topic, count }] of loadTopics.entries()) {
      const averages = this.#loads[i]!.take(count(this.#core), seconds)
      for (const [k, minutes] of MINUTES.entries())
        this.#publish(`load/${topic}/${minutes}min`, averages[k]!.toFixed(2))
    }
  }

  #publish(topic: string, value: string): void {
    if (this.#published.get(topic) === value) return
    this.#published.set(topic, value)
    const core = this.#core
    const payload = new Uint8Array(core.text.byteLength(value))
    core.text.encode(value, payload, 0)
    const message = { topic: ROOT + topic, payload, qos: 0, retain: true, properties: {} } as const
    publishMessage(core, makeMessage(core.text, message, BROKER))
  }
}
