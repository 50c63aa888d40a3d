import assert from 'node:assert/strict'
import { join } from 'node:path'
import { programs } from './programs.ts'
import { root } from './root.ts'
import { Running } from './running.ts'

const AGENT = join(root, 'test/interop/paho_agent.py')

export interface PahoMessage {
  readonly topic: string
  readonly payload: string
  readonly qos: number
  readonly retain: boolean
  readonly dup: boolean
  readonly properties: Readonly<Record<string, unknown>>
}

type Event = Readonly<Record<string, unknown>> & { readonly event: string }

/** A client of Python's paho-mqtt, in a process of its own: test/interop/paho_agent.py. */
export class Paho {
  readonly running: Running
  readonly #port: number
  readonly #messages: PahoMessage[] = []
  readonly #others: Event[] = []

  constructor(port: number) {
    this.#port = port
    this.running = new Running(programs.python, ['-u', AGENT])
  }

  /** Connects; returns what CONNACK said. */
  async connect(options: Readonly<Record<string, unknown>> = {}): Promise<Event> {
    this.order('connect', { port: this.#port, ...options })
    return this.event('connect')
  }

  /** Subscribes to [filter, QoS]; returns what was granted. */
  async subscribe(...filters: readonly (readonly [string, number])[]): Promise<unknown> {
    this.order('subscribe', { filters })
    return (await this.event('subscribe'))['granted']
  }

  /** Publishes, and waits until all is acknowledged (QoS 0: sent). With `count` the payloads are 0, 1, 2 ... */
  async publish(topic: string, options: Readonly<Record<string, unknown>>): Promise<void> {
    this.order('publish', { topic, ...options })
    await this.event('published')
  }

  async disconnect(): Promise<void> {
    this.order('disconnect', {})
    assert.equal((await this.event('disconnect'))['code'], 0)
  }

  order(name: string, details: Readonly<Record<string, unknown>>): void {
    this.running.write(`${JSON.stringify({ do: name, ...details })}\n`)
  }

  /** The next event of this kind; messages that come meanwhile are kept. */
  async event(kind: string): Promise<Event> {
    for (;;) {
      const at = this.#others.findIndex(({ event }) => event === kind)
      if (at >= 0) return this.#others.splice(at, 1)[0]!
      await this.#next()
    }
  }

  async message(): Promise<PahoMessage> {
    while (this.#messages.length === 0) await this.#next()
    return this.#messages.shift()!
  }

  async messages(count: number): Promise<PahoMessage[]> {
    const messages: PahoMessage[] = []
    while (messages.length < count) messages.push(await this.message())
    return messages
  }

  async #next(): Promise<void> {
    const event = JSON.parse(await this.running.line()) as Event
    if (event.event === 'message') this.#messages.push(event as unknown as PahoMessage)
    else this.#others.push(event)
  }
}
