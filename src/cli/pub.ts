import type { Readable } from 'node:stream'
import type { Client, MqttError, PublishOptions } from '../client/index.ts'
import { commandError, leave, openClient, stopSignal } from './client-session.ts'
import { CommandError } from './exit.ts'
import { linesOf } from './lines.ts'
import type { Given } from './parse.ts'
import { readPayload } from './payload.ts'
import { type PublishSettings, publishSettings } from './pub-settings.ts'
import type { Say } from './stderr.ts'

/** `nightjar pub`. Resolves with the exit code; throws a CommandError or an Interrupted. */
export async function runPub(given: Given, say: Say): Promise<number> {
  const settings = publishSettings(given, process.env, process.pid)
  const tell: Say = settings.client.quiet ? () => {} : say
  const stop = stopSignal()
  const payload = await readPayload(settings, stop)
  const client = await openClient(settings.client, stop, tell)
  const publisher = new Publisher(client, settings, stop)
  try {
    if (payload === null) await publisher.publishLines(process.stdin as Readable)
    else await publisher.publishRepeatedly(payload)
    await publisher.settled()
  } catch (error) {
    stop.throwIfAborted()
    throw commandError(publisher.failure ?? error, settings.client, 'publish')
  } finally {
    await leave(client, settings.client, stop)
  }
  stop.throwIfAborted()
  for (const refusal of publisher.refusals) tell(refusal)
  if (publisher.refused === 0) return 0
  const { refused, published } = publisher
  if (published > 1) tell(`${refused} of ${published} messages were refused`)
  return new CommandError('publish', '').exitCode
}

/** So many refusals are told one by one. */
const TOLD_REFUSALS = 10
/** So many messages, and bytes of them, may wait for their acknowledgement or for the network before more is read. */
const WAITING_MESSAGES = 2000
const WAITING_BYTES = 4 * 1024 * 1024

class Publisher {
  readonly refusals: string[] = []
  refused = 0
  published = 0
  /** What ends the command before its time. */
  failure: unknown = null
  readonly #client: Client
  readonly #settings: PublishSettings
  readonly #stop: AbortSignal
  readonly #options: PublishOptions<never>
  #waiting = 0
  #waitingBytes = 0
  #wake: (() => void) | null = null

  constructor(client: Client, settings: PublishSettings, stop: AbortSignal) {
    this.#client = client
    this.#settings = settings
    this.#stop = stop
    this.#options = { qos: settings.qos, retain: settings.retain, properties: settings.properties }
    stop.addEventListener('abort', () => this.#wakeUp(), { once: true })
    void client.closed.then((error) => {
      this.failure ??= error ?? null
      this.#wakeUp()
    })
  }

  async publishLines(stream: Readable): Promise<void> {
    // Who waits for a line would not notice a signal, or that the client is at its end.
    const giveUp = () => void stream.destroy()
    this.#stop.addEventListener('abort', giveUp, { once: true })
    void this.#client.closed.then(giveUp)
    for await (const line of linesOf(stream)) {
      this.#send(line)
      if (this.#waiting >= WAITING_MESSAGES || this.#waitingBytes >= WAITING_BYTES) await this.#untilRoom()
      this.#check()
    }
  }

  /** The next one is sent when the one before it is delivered, and the delay is over. */
  async publishRepeatedly(payload: Uint8Array): Promise<void> {
    for (let count = 1; ; count++) {
      this.#send(payload)
      await this.settled()
      if (count === this.#settings.repeat) return
      if (this.#settings.repeatDelay > 0) {
        await pause(this.#settings.repeatDelay, this.#stop)
      }
      this.#check()
    }
  }

  /** All that was sent is acknowledged, or at QoS 0 written. */
  async settled(): Promise<void> {
    while (this.#waiting > 0) await this.#change()
    this.#check()
  }

  #send(payload: Uint8Array): void {
    this.published++
    this.#waiting++
    this.#waitingBytes += payload.length
    this.#client
      .publish(this.#settings.topic, payload, this.#options)
      .catch((error: unknown) => this.#rejected(error))
      .finally(() => {
        this.#waiting--
        this.#waitingBytes -= payload.length
        this.#wakeUp()
      })
  }

  /** What the broker refuses is counted, and the rest goes on; anything else ends the command. */
  #rejected(error: unknown): void {
    const { code, message } = error as MqttError
    if (code !== 'ERR_DENIED' && code !== 'ERR_REJECTED') {
      this.failure ??= error
      return
    }
    this.refused++
    if (this.refusals.length < TOLD_REFUSALS) this.refusals.push(message)
  }

  async #untilRoom(): Promise<void> {
    while (this.#waiting > WAITING_MESSAGES / 2 || this.#waitingBytes > WAITING_BYTES / 2) await this.#change()
  }

  #check(): void {
    this.#stop.throwIfAborted()
    if (this.failure !== null) throw this.failure
  }

  /** Something was settled. */
  #change(): Promise<void> {
    this.#check()
    return new Promise((resolve) => {
      this.#wake = resolve
    })
  }

  #wakeUp(): void {
    this.#wake?.()
    this.#wake = null
  }
}

/** Rejects when the signal fires. The module is not loaded by those who never wait: they want to be quick. */
async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  const { setTimeout } = await import('node:timers/promises')
  await setTimeout(milliseconds, undefined, { signal })
}
