import type { PublishProperties } from '../client/index.ts'
import type { QoS } from '../protocol/index.ts'
import { topicNameError } from '../topics/index.ts'
import { type ClientSettings, clientSettings, type Environment } from './client-settings.ts'
import { usageError } from './exit.ts'
import type { Given } from './parse.ts'

export type PayloadSource =
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  /** The path as bytes, which need not be UTF-8. */
  | { readonly kind: 'file'; readonly path: Uint8Array }
  | { readonly kind: 'null' }
  | { readonly kind: 'stdin' }
  | { readonly kind: 'lines' }

export interface PublishSettings {
  readonly client: ClientSettings
  readonly topic: string
  readonly source: PayloadSource
  readonly qos: QoS
  readonly retain: boolean
  readonly repeat: number
  /** Milliseconds. */
  readonly repeatDelay: number
  readonly properties: PublishProperties
}

const IN_FLIGHT = 20
const QUEUE_MESSAGES = 10_000

export function publishSettings(given: Given, environment: Environment, processId: number): PublishSettings {
  const client = clientSettings(given, environment, processId, ['connect', 'publish', 'disconnect', 'will'])
  const topic = given.text('topic') ?? client.topic ?? client.defaultTopic
  if (topic === undefined) throw usageError('there is no topic: add -t TOPIC')
  const error = topicNameError(topic)
  if (error !== null) throw usageError(`the topic '${topic}': ${error}`)
  const source = payloadSource(given)
  const { topicAlias, ...properties } = client.properties.publish ?? {}
  const options = {
    ...client.options,
    maximumInFlight: given.number('inFlight') ?? IN_FLIGHT,
    // The library gives each topic the next free alias, so one topic gets 1 of as many as were asked for.
    topicAliases: topicAlias ?? 0,
    queue: { messages: QUEUE_MESSAGES, qos0: 'keep', whenFull: 'wait' } as const,
  }
  return {
    client: { ...client, options },
    topic,
    source,
    qos: (given.number('qos') ?? 0) as QoS,
    retain: given.flag('retain'),
    repeat: given.number('repeat') ?? 1,
    repeatDelay: (given.number('repeatDelay') ?? 0) * 1000,
    properties,
  }
}

function payloadSource(given: Given): PayloadSource {
  const bytes = given.bytes('message')
  const path = given.bytes('file')
  const sources: PayloadSource[] = []
  if (bytes !== undefined) sources.push({ kind: 'bytes', bytes })
  if (path !== undefined) sources.push({ kind: 'file', path })
  if (given.flag('lines')) sources.push({ kind: 'lines' })
  if (given.flag('null')) sources.push({ kind: 'null' })
  if (given.flag('stdin')) sources.push({ kind: 'stdin' })
  const [source] = sources
  if (source === undefined) throw usageError('there is no message: add -m TEXT, -f FILE, -l, -n or -s')
  if (sources.length > 1) throw usageError('there is more than one message: use one of -m, -f, -l, -n and -s')
  if (source.kind === 'lines' && given.number('repeat') !== undefined) {
    throw usageError('--repeat cannot be used with -l: each line is published once')
  }
  return source
}
