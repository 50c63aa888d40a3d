import { isatty } from 'node:tty'
import type { Client, Message, Subscription } from '../client/index.ts'
import type { Properties } from '../protocol/index.ts'
import { parseTopicFilter, topicMatches } from '../topics/index.ts'
import { commandError, farewell, openClient, stopSignal } from './client-session.ts'
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
  const stdout = new Stdout(() => stop.abort(NOBODY_READS))
  try {
    const client = await openClient(settings.client, stop.signal, tell)
    try {
      await new Subscriber(client, settings, stop.signal, stdout, tell).run()
    } catch (error) {
      stop.signal.throwIfAborted()
      throw commandError(error, settings.client, 'subscription')
    } finally {
      await client.close(farewell(settings.client, interrupted.aborted))
    }
  } catch (error) {
    if (error !== NOBODY_READS) throw error
  } finally {
    clearTimeout(timer)
    stdout.flush()
  }
  return 0
}

/** That is how `nightjar sub ... | head -1` ends, and no error. */
const NOBODY_READS = new Error('nobody reads the output')

function timeoutError({ timeout, count }: SubscribeSettings): CommandError {
  const what = Number.isFinite(count)
    ? `${count} message${count === 1 ? '' : 's'} did not come`
    : 'the time of -W is over'
  return new CommandError('timeout', `${what} within ${timeout! / 1000} s`)
}

class Subscriber {
  readonly #client: Client
  readonly #settings: SubscribeSettings
  readonly #stop: AbortSignal
  readonly #stdout: Stdout
  readonly #say: Say
  readonly #print: (message: PrintableMessage) => void
  readonly #filterOut: readonly string[]
  /** Clearing of retained messages that the broker has not acknowledged. */
  readonly #removals: Set<Promise<unknown>> = new Set()
  #printed = 0

  constructor(client: Client, settings: SubscribeSettings, stop: AbortSignal, stdout: Stdout, say: Say) {
    this.#client = client
    this.#settings = settings
    this.#stop = stop
    this.#stdout = stdout
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
    const subscription = await this.#subscribe()
    if (this.#settings.exitAfterSubscribe) return
    await this.#printMessages(subscription)
    await Promise.all(this.#removals)
  }

  async #subscribe(): Promise<Subscription<Uint8Array>> {
    const { filters, qos, retained, retainAsPublished, client } = this.#settings
    const { userProperties } = client.properties.subscribe ?? {}
    const subscription = await this.#client.subscribe(filters, {
      qos,
      ack: 'on-next',
      partial: true,
      signal: this.#stop,
      ...(client.version === 5 ? { retained, retainAsPublished } : {}),
      ...(userProperties === undefined ? {} : { userProperties }),
    })
    for (const { error } of subscription.refused) this.#say(error.message)
    return subscription as Subscription<Uint8Array>
  }

  /** Until there are enough, the signal fires or the client is closed. */
  async #printMessages(subscription: Subscription<Uint8Array>): Promise<void> {
    const ended = new Promise<never>((_, reject) => {
      this.#stop.addEventListener('abort', () => reject(this.#stop.reason), { once: true })
    })
    ended.catch(() => {})
    const messages = subscription[Symbol.asyncIterator]()
    for (;;) {
      const next = await Promise.race([messages.next(), ended])
      if (next.done === true || this.#take(next.value)) return
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

  /** The client library numbers its subscriptions; those who gave a number themselves want to see that one. */
  #propertiesOf({ properties }: Message<Uint8Array>): Properties {
    const { subscriptionIdentifiers: numbers, ...others } = properties
    const own = this.#settings.client.properties.subscribe?.subscriptionIdentifiers
    if (numbers === undefined) return properties
    return own === undefined ? others : { ...others, subscriptionIdentifiers: own }
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
