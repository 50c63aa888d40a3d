import type { Properties } from '../protocol/index.ts'
import { usageError } from './exit.ts'
import { bytesOf, isBroken } from './words.ts'

/** What -D can add a property to. */
export type PropertyCommand = 'connect' | 'publish' | 'subscribe' | 'unsubscribe' | 'disconnect' | 'will'

export type PropertiesByCommand = { [C in PropertyCommand]?: Properties }

type Kind = 'text' | 'binary' | 'pair' | { readonly least: number; readonly greatest: number }

interface PropertyRow {
  readonly name: string
  readonly key: keyof Properties
  readonly kind: Kind
  readonly commands: readonly PropertyCommand[]
}

const FLAG = { least: 0, greatest: 1 }
const UINT16 = { least: 0, greatest: 65_535 }
const UINT16_POSITIVE = { least: 1, greatest: 65_535 }
const UINT32 = { least: 0, greatest: 4_294_967_295 }
const UINT32_POSITIVE = { least: 1, greatest: 4_294_967_295 }

const MESSAGE: readonly PropertyCommand[] = ['publish', 'will']
const ALL: readonly PropertyCommand[] = ['connect', 'publish', 'subscribe', 'unsubscribe', 'disconnect', 'will']

/** The properties of MQTT 5.0 that a client may send, under the names of the standard with dashes for blanks. */
export const PROPERTY_ROWS: readonly PropertyRow[] = [
  { name: 'authentication-data', key: 'authenticationData', kind: 'binary', commands: ['connect'] },
  { name: 'authentication-method', key: 'authenticationMethod', kind: 'text', commands: ['connect'] },
  { name: 'content-type', key: 'contentType', kind: 'text', commands: MESSAGE },
  { name: 'correlation-data', key: 'correlationData', kind: 'binary', commands: MESSAGE },
  { name: 'maximum-packet-size', key: 'maximumPacketSize', kind: UINT32_POSITIVE, commands: ['connect'] },
  { name: 'message-expiry-interval', key: 'messageExpiryInterval', kind: UINT32, commands: MESSAGE },
  { name: 'payload-format-indicator', key: 'payloadFormatIndicator', kind: FLAG, commands: MESSAGE },
  { name: 'receive-maximum', key: 'receiveMaximum', kind: UINT16_POSITIVE, commands: ['connect'] },
  { name: 'request-problem-information', key: 'requestProblemInformation', kind: FLAG, commands: ['connect'] },
  { name: 'request-response-information', key: 'requestResponseInformation', kind: FLAG, commands: ['connect'] },
  { name: 'response-topic', key: 'responseTopic', kind: 'text', commands: MESSAGE },
  { name: 'session-expiry-interval', key: 'sessionExpiryInterval', kind: UINT32, commands: ['connect', 'disconnect'] },
  {
    name: 'subscription-identifier',
    key: 'subscriptionIdentifiers',
    kind: { least: 1, greatest: 268_435_455 },
    commands: ['subscribe'],
  },
  { name: 'topic-alias', key: 'topicAlias', kind: UINT16_POSITIVE, commands: ['publish'] },
  { name: 'topic-alias-maximum', key: 'topicAliasMaximum', kind: UINT16, commands: ['connect'] },
  { name: 'user-property', key: 'userProperties', kind: 'pair', commands: ALL },
  { name: 'will-delay-interval', key: 'willDelayInterval', kind: UINT32, commands: ['will'] },
]

/** How many arguments -D takes, which depends on the second. */
export function propertyArguments(name: string | undefined): number {
  return name === 'user-property' ? 4 : 3
}

const BOOLEANS: ReadonlySet<keyof Properties> = new Set(['requestProblemInformation', 'requestResponseInformation'])

/** Adds what one -D says (its arguments) to what was said before. Throws a usage error. */
export function addProperty(
  to: PropertiesByCommand,
  words: readonly string[],
  allowed: readonly PropertyCommand[],
): void {
  const [commandWord, name, first, second] = words as [string, string, string, string | undefined]
  const command = allowed.find((known) => known === commandWord.toLowerCase())
  if (command === undefined) throw usageError(`-D cannot add to ${commandWord}: it takes ${allowed.join(', ')}`)
  const row = PROPERTY_ROWS.find((known) => known.name === name)
  const fitting = PROPERTY_ROWS.filter((known) => known.commands.includes(command)).map((known) => known.name)
  if (row === undefined || !row.commands.includes(command)) {
    throw usageError(`-D ${command} has no property ${name}: it takes ${fitting.join(', ')}`)
  }
  to[command] ??= {}
  const properties = to[command]
  const value = readValue(row, first)
  if (row.kind === 'pair') {
    const pair: [string, string] = [value as string, readValue(row, second!) as string]
    properties.userProperties = [...(properties.userProperties ?? []), pair]
  } else if (row.key === 'subscriptionIdentifiers') properties.subscriptionIdentifiers = [value as number]
  else Object.assign(properties, { [row.key]: BOOLEANS.has(row.key) ? value === 1 : value })
}

function readValue(row: PropertyRow, word: string): string | number | Uint8Array {
  const { kind, name } = row
  if (kind === 'binary') {
    const bytes = bytesOf(word)
    if (bytes !== null) return bytes
    throw usageError(`-D ${name}: cannot pass these bytes on this system`)
  }
  if (isBroken(word)) throw usageError(`-D ${name} '${word}': not UTF-8`)
  if (kind === 'text' || kind === 'pair') return word
  const number = /^\d+$/.test(word) ? Number(word) : -1
  if (number >= kind.least && number <= kind.greatest) return number
  throw usageError(`-D ${name} is '${word}': use a whole number from ${kind.least} to ${kind.greatest}`)
}
