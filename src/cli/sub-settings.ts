import type { QoS } from '../protocol/index.ts'
import { parseTopicFilter } from '../topics/index.ts'
import { type ClientSettings, clientSettings, type Environment } from './client-settings.ts'
import { usageError } from './exit.ts'
import { compileFormat, FormatError } from './format/format.ts'
import type { Given } from './parse.ts'

export interface SubscribeSettings {
  readonly client: ClientSettings
  readonly filters: readonly string[]
  readonly unsubscribe: readonly string[]
  readonly qos: QoS
  readonly retained: 'send' | 'if-new' | 'skip'
  readonly retainAsPublished: boolean
  readonly exitAfterSubscribe: boolean
  /** Messages, or Infinity. */
  readonly count: number
  /** Milliseconds, or undefined: for ever. */
  readonly timeout: number | undefined
  readonly ignoreRetained: boolean
  readonly retainedOnly: boolean
  readonly removeRetained: boolean
  readonly filterOut: readonly string[]
  /** 0..1: how much is printed. */
  readonly chance: number
  readonly verbose: boolean
  readonly format: ReturnType<typeof compileFormat> | undefined
  readonly newline: boolean
  readonly pretty: boolean
}

export function subscribeSettings(given: Given, environment: Environment, processId: number): SubscribeSettings {
  const commands = ['connect', 'subscribe', 'unsubscribe', 'disconnect', 'will'] as const
  const client = clientSettings(given, environment, processId, commands)
  const unsubscribe = given.list('unsubscribe')
  const filters = chosenFilters(client, given)
  if (filters.length === 0 && unsubscribe.length === 0 && client.defaultTopic !== undefined)
    filters.push(client.defaultTopic)
  if (filters.length === 0 && unsubscribe.length === 0)
    throw usageError('there is nothing to subscribe to: add -t FILTER')
  for (const filter of filters) checkFilter(filter)
  const both = filters.find((filter) => unsubscribe.includes(filter))
  if (both !== undefined)
    throw usageError(`'${both}' cannot be both subscribed to (-t) and unsubscribed from (-U): leave one out`)
  const ignoreRetained = given.flag('ignoreRetained')
  const retainedOnly = given.flag('retainedOnly')
  if (ignoreRetained && retainedOnly) throw usageError('-R and --retained-only leave nothing to print: leave one out')
  const count = given.number('count')
  return {
    client: {
      ...client,
      options: { ...receiveMaximum(count), ...expected(filters), topicAliasMaximum: 0, ...client.options },
    },
    filters,
    unsubscribe,
    qos: (given.number('qos') ?? 0) as QoS,
    retained: retainHandling(given, ignoreRetained),
    retainAsPublished: given.flag('retainAsPublished'),
    exitAfterSubscribe: given.flag('exitAfterSubscribe'),
    count: count ?? Number.POSITIVE_INFINITY,
    timeout: milliseconds(given.number('timeout')),
    ignoreRetained,
    retainedOnly,
    removeRetained: given.flag('removeRetained'),
    filterOut: given.list('filterOut'),
    chance: (given.number('chance') ?? 100) / 100,
    verbose: given.flag('verbose'),
    format: format(given.text('format')),
    newline: !given.flag('noNewline'),
    pretty: given.flag('pretty'),
  }
}

/** A session that is kept must not hold messages of QoS 1 and 2 that were taken from the broker and not printed. */
function receiveMaximum(count: number | undefined): { receiveMaximum?: number } {
  return count === undefined || count >= 1000 ? {} : { receiveMaximum: count }
}

/** In a session that was kept, messages for other filters must not hold up those that are printed. */
function expected(filters: readonly string[]): { subscriptions?: readonly string[] } {
  return filters.length === 0 ? {} : { subscriptions: filters }
}

function chosenFilters({ topic }: ClientSettings, given: Given): string[] {
  return [...(topic === undefined ? [] : [topic]), ...given.list('filters')]
}

/** Those of -t have been checked; a URL's have not. */
function checkFilter(filter: string): void {
  const parsed = parseTopicFilter(filter, { starWildcard: true, sysAlias: true })
  if ('error' in parsed) throw usageError(`the topic '${filter}': ${parsed.error}`)
}

function retainHandling(given: Given, ignoreRetained: boolean): SubscribeSettings['retained'] {
  const asked = given.text('retainHandling') as SubscribeSettings['retained'] | undefined
  // What is not printed need not come, unless it shall be removed.
  return asked ?? (ignoreRetained && !given.flag('removeRetained') ? 'skip' : 'send')
}

function milliseconds(seconds: number | undefined): number | undefined {
  return seconds === undefined ? undefined : seconds * 1000
}

function format(text: string | undefined): SubscribeSettings['format'] {
  try {
    return text === undefined ? undefined : compileFormat(text)
  } catch (error) {
    if (error instanceof FormatError) throw usageError(`-F: ${error.message}`)
    throw error
  }
}
