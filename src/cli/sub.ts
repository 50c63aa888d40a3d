import { isatty } from 'node:tty'
import type { Client, Message, Subscription } from '../client/index.ts'
import type { Properties } from '../protocol/index.ts'
import { parseTopicFilter, topicMatches } from '../topics/index.ts'
import { commandError, leave, openClient, orHurry, stopSignal } from './client-session.ts'
import { CommandError } from './exit.ts'
import type { PrintableMessage } from './format/message.ts'
import type { Given } from './parse.ts'
import { makePrinter } from './printer.ts'
import type { Say } from './stderr.ts'
import { Stdout } from './stdout.ts'
import { type SubscribeSettings, subscribeSettings } from './sub-settings.ts'

/** `nightjar sub`. Resolves with the exit code; throws a CommandError or an Interrupted. */
export async function runSub(given: Given, say: Say): Promise<number> {
  const settings = subscribeSettings(given, process.env, process.pid)
  const tell: Say = settings.client.quiet ? () => {} : say
  const interrupted = stopSignal()
  const stop = new AbortController()
  const timedOut = () => stop.abort(timeoutError(settings))
  interrupted.addEventListener('abort', () => stop.abort(interrupted.reason), { once: true })
  const timer = settings.timeout === undefined ? undefined : setTimeout(timedOut, settings.timeout)
  const stdout = new Stdout((error) => stop.abort(error ?? NOBODY_READS))
  try {
    const client = await openClient(settings.client, stop.signal, tell)
    const close = () => leave(client, settings.client, stop.signal)
    // That ends whatever is waited for.
    stop.signal.addEventListener('abort', () => void close(), { once: true })
    void client.closed.then(() => stdout.release())
    try {
      await new Subscriber(client, settings, stdout, stop.signal, tell).run()
    } catch (error) {
      if (!stop.signal.aborted) throw commandError(error, settings.client, 'subscription')
    } finally {
      clearTimeout(timer)
      await close()
    }
  } catch (error) {
    if (!stop.signal.aborted) throw error
  } finally {
    clearTimeout(timer)
    await orHurry(stdout.finish(), stop.signal)
  }
  if (stop.signal.aborted && stop.signal.reason !== NOBODY_READS) throw stop.signal.reason
  return 0
}

/** Not an error: this is how `nightjar sub ... | head -1` ends. */
const NOBODY_READS = new Error('nobody reads the output')

function timeoutError({ timeout, count }: SubscribeSettings): CommandError {
  const missed = Number.isFinite(count) ? ` before ${count} message${count === 1 ? '' : 's'} came` : ''
  return new CommandError('timeout', `timed out after ${timeout! / 1000} s${missed} (-W)`)
}

class Subscriber {
  readonly #client: Client
  readonly #settings: SubscribeSettings
  readonly #stdout: Stdout
  readonly #stop: AbortSignal
  readonly #say: Say
  readonly #print: (message: PrintableMessage) => void
  readonly #filterOut: readonly string[]
  /** Clearing of retained messages that the broker has not acknowledged. */
  readonly #removals: Set<Promise<unknown>> = new Set()
  #printed = 0

  constructor(client: Client, settings: SubscribeSettings, stdout: Stdout, stop: AbortSignal, say: Say) {
    this.#client = client
    this.#settings = settings
    this.#stdout = stdout
    this.#stop = stop
    this.#say = say
    const terminal = isatty(1)
    this.#print = makePrinter(stdout.writer, {
      format: settings.format,
      verbose: settings.verbose,
      newline: settings.newline,
      pretty: settings.pretty,
      terminal,
      color: wantsColor(terminal),
      complain: say,
    })
    this.#filterOut = settings.filterOut.map(readFilter)
  }

  async run(): Promise<void> {
    const { filters, unsubscribe, client, exitAfterSubscribe } = this.#settings
    const subscription = filters.length === 0 ? null : await this.#subscribe()
    const { userProperties } = client.properties.unsubscribe ?? {}
    if (unsubscribe.length > 0) {
      await this.#client.unsubscribe(unsubscribe, userProperties === undefined ? {} : { userProperties })
    }
    if (exitAfterSubscribe) return
    if (subscription === null) await this.#untilClosed()
    else await this.#printMessages(subscription)
    await Promise.all(this.#removals)
  }

  async #untilClosed(): Promise<void> {
    const error = await this.#client.closed
    if (error !== undefined) throw error
  }

  async #subscribe(): Promise<Subscription<Uint8Array>> {
    const { filters, qos, retained, retainAsPublished, client } = this.#settings
    const { userProperties } = client.properties.subscribe ?? {}
    const subscription = await this.#client.subscribe(filters, {
      qos,
      ack: 'manual',
      partial: true,
      named: false,
      ...(client.version === 5 ? { retained, retainAsPublished } : {}),
      ...(userProperties === undefined ? {} : { userProperties }),
    })
    for (const { error } of subscription.refused) this.#say(error.message)
    return subscription as Subscription<Uint8Array>
  }

  /** Until there are enough, or the client is closed. Leaving a `for await` would end the subscription, which may be kept. */
  async #printMessages(subscription: Subscription<Uint8Array>): Promise<void> {
    const messages = subscription[Symbol.asyncIterator]()
    for (;;) {
      const next = await messages.next()
      if (next.done === true) return
      const last = this.#take(next.value)
      next.value.ack()
      if (last) return
      // The client reads no more when its buffer is full, and says PINGREQ all the same.
      if (this.#stdout.full) await this.#stdout.room()
      if (this.#stop.aborted) return
    }
  }

  /** True if it was the last one. */
  #take(message: Message<Uint8Array>): boolean {
    const { retainedOnly, ignoreRetained, removeRetained, chance, count } = this.#settings
    if (retainedOnly && !message.retain) return true
    if (message.retain && ignoreRetained && !removeRetained) return false
    for (const filter of this.#filterOut) if (topicMatches(filter, message.topic)) return false
    if (removeRetained && message.retain) this.#remove(message.topic)
    if (message.retain && ignoreRetained) return false
    if (chance === 1 || Math.random() < chance) {
      this.#print(this.#printable(message))
      this.#stdout.printed()
    }
    return ++this.#printed >= count
  }

  #remove(topic: string): void {
    const removal = this.#client
      .publish(topic, '', { qos: 1, retain: true })
      .catch((error: Error) => this.#say(`the retained message on ${topic} stays: ${error.message}`))
      .finally(() => this.#removals.delete(removal))
    this.#removals.add(removal)
  }

  #printable(message: Message<Uint8Array>): PrintableMessage {
    const { topic, bytes, qos, retain, packetId } = message
    return { topic, payload: bytes, qos, retain, packetId, properties: this.#propertiesOf(message) }
  }

  /** The client library numbers its subscriptions by itself; those who gave a number want to see it. */
  #propertiesOf({ properties }: Message<Uint8Array>): Properties {
    const own = this.#settings.client.properties.subscribe?.subscriptionIdentifiers
    return own === undefined ? properties : { ...properties, subscriptionIdentifiers: own }
  }
}

function readFilter(source: string): string {
  const parsed = parseTopicFilter(source, { starWildcard: true, sysAlias: true })
  return 'error' in parsed ? source : parsed.filter
}

/** NO_COLOR and FORCE_COLOR: an empty value counts as none. */
function wantsColor(terminal: boolean): boolean {
  const { NO_COLOR: no, FORCE_COLOR: force } = process.env
  if (no !== undefined && no !== '') return false
  return (force !== undefined && force !== '' && force !== '0') || terminal
}
