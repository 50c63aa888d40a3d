import { show } from '../arguments/index.ts'
import { ReasonCode } from '../protocol/index.ts'
import { parseTopicFilter, type TopicFilter } from '../topics/index.ts'
import { MqttError } from './errors.ts'
import { text } from './platform.ts'
import type { ServerLimits } from './server-limits.ts'

/** Params<'home/{room}/{what}'> is { room: string; what: string }. */
export type Params<F extends string> = string extends F
  ? Record<string, string>
  : F extends `${infer Level}/${infer Rest}`
    ? LevelParams<Level> & Params<Rest>
    : LevelParams<F>

// biome-ignore lint/complexity/noBannedTypes: a level without a parameter adds nothing
type LevelParams<Level extends string> = Level extends `{${infer Name}}` ? { readonly [K in Name]: string } : {}

/** A filter as MQTT has it, and the names of its levels. */
export interface NamedFilter {
  /** With `+` in place of named levels. */
  readonly filter: string
  readonly names: readonly { readonly name: string; readonly level: number }[]
}

const NAMED_LEVEL = /^\{([A-Za-z_][A-Za-z0-9_]*)\}$/

/** A level that is only a name in braces becomes `+`; other braces are ordinary characters. */
export function readNamedFilter(source: string): NamedFilter {
  if (!source.includes('{')) return { filter: source, names: [] }
  const names: { name: string; level: number }[] = []
  const levels = source.split('/').map((text, level) => {
    const name = NAMED_LEVEL.exec(text)?.[1]
    if (name === undefined) return text
    names.push({ name, level })
    return '+'
  })
  return { filter: levels.join('/'), names }
}

export function readParams(names: NamedFilter['names'], topic: string): Record<string, string> {
  const params: Record<string, string> = {}
  if (names.length === 0) return params
  const levels = topic.split('/')
  for (const { name, level } of names) params[name] = levels[level] ?? ''
  return params
}

/** Bytes. */
const LONGEST_FILTER = 65_535
/** As Nightjar's broker reads filters. Other brokers may differ; with Subscription Identifiers that does not matter. */
const FILTER_OPTIONS = { starWildcard: true, sysAlias: true }

/** Throws MqttError ERR_TOPIC. Finds everything that could not be encoded later. */
export function readFilter(source: string): TopicFilter {
  if (typeof source !== 'string') throw new MqttError('ERR_TOPIC', `A topic filter is ${show(source)}: use text`)
  // [MQTT-3.8.3-1] [MQTT-3.10.3-1]
  if (/\p{Surrogate}/u.test(source)) throw new MqttError('ERR_TOPIC', 'A topic filter has half of a surrogate pair')
  if (text.byteLength(source) > LONGEST_FILTER) {
    throw new MqttError('ERR_TOPIC', `A topic filter has at most ${LONGEST_FILTER} bytes`) // [MQTT-4.7.3-3]
  }
  const filter = parseTopicFilter(source, FILTER_OPTIONS)
  if ('error' in filter) throw new MqttError('ERR_TOPIC', `'${source}' is not a topic filter: ${filter.error}`)
  return filter
}

/** A filter of subscribe(): the names of its levels, and the Topic Filter that the broker gets. */
export interface Wanted {
  readonly names: NamedFilter['names']
  readonly topicFilter: TopicFilter
}

/** Those of subscribe() that decide how a filter is read. */
interface WantedOptions {
  readonly share?: string
  readonly noLocal?: boolean
  readonly named?: boolean
}

/** Throws MqttError if the filter is not valid, or the broker has said in CONNACK that it does not support it. */
export function readWanted(
  source: string,
  { share, noLocal, named: mayBeNamed }: WantedOptions,
  limits: ServerLimits,
): Wanted {
  if (typeof source !== 'string') readFilter(source)
  // The rest of the name would become part of the filter.
  if (share?.includes('/')) throw new MqttError('ERR_OPTION', `share is '${share}': the name of a group has no '/'`)
  const named: NamedFilter = mayBeNamed === false ? { filter: source, names: [] } : readNamedFilter(source)
  const filter = readFilter(share === undefined ? named.filter : `$share/${share}/${named.filter}`)
  if (text.byteLength(filter.source) > LONGEST_FILTER) {
    throw new MqttError('ERR_TOPIC', `A topic filter has at most ${LONGEST_FILTER} bytes`)
  }
  if (filter.share !== null && !limits.sharedSubscriptionAvailable) {
    throw new MqttError('ERR_UNSUPPORTED', 'The broker does not support shared subscriptions', {
      reasonCode: ReasonCode.SharedSubscriptionsNotSupported,
    })
  }
  if (filter.share !== null && noLocal === true) {
    throw new MqttError('ERR_OPTION', 'A shared subscription cannot have noLocal') // [MQTT-3.8.3-4]
  }
  if (filter.wildcard && !limits.wildcardSubscriptionAvailable) {
    throw new MqttError('ERR_UNSUPPORTED', 'The broker does not support wildcard subscriptions', {
      reasonCode: ReasonCode.WildcardSubscriptionsNotSupported,
    })
  }
  // The program wrote `$share/group/` itself: levels of the topic begin two later.
  const shift = share === undefined && filter.share !== null ? -2 : 0
  return {
    topicFilter: filter,
    names: shift === 0 ? named.names : named.names.map(({ name, level }) => ({ name, level: level + shift })),
  }
}
