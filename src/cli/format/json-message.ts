import type { Properties } from '../../protocol/index.ts'
import { toBinary, utf8AsBinary } from './binary.ts'
import { type JsonStyle, jsonAgain, jsonObject, jsonString } from './json-text.ts'
import type { PrintableMessage } from './message.ts'
import { isoTimeMicroseconds, type Moment } from './strftime.ts'

type Entry = [key: string, json: string]

const text = (value: string): string => jsonString(utf8AsBinary(value))

/** The properties that a PUBLISH to a client can have, under the names by which the command line knows them. */
const PROPERTY_ENTRIES: { [K in keyof Properties]?: (value: NonNullable<Properties[K]>, style: JsonStyle) => Entry } = {
  payloadFormatIndicator: (value) => ['payload-format-indicator', String(value)],
  messageExpiryInterval: (value) => ['message-expiry-interval', String(value)],
  contentType: (value) => ['content-type', text(value)],
  responseTopic: (value) => ['response-topic', text(value)],
  correlationData: (value) => ['correlation-data', jsonString(toBinary(value))],
  topicAlias: (value) => ['topic-alias', String(value)],
  userProperties: (value, style) => ['user-properties', userProperties(value, style)],
}

function userProperties(pairs: readonly [string, string][], style: JsonStyle): string {
  return jsonObject(
    pairs.map(([name, value]) => [utf8AsBinary(name), text(value)]),
    style,
    3,
  )
}

function propertyEntries(properties: Properties, style: JsonStyle): Entry[] {
  const entries: Entry[] = []
  for (const [name, value] of Object.entries(properties)) {
    if (name === 'subscriptionIdentifiers') {
      for (const identifier of value as number[]) entries.push(['subscription-identifier', String(identifier)])
      continue
    }
    const entry = PROPERTY_ENTRIES[name as keyof Properties] as
      | ((value: unknown, style: JsonStyle) => Entry)
      | undefined
    if (entry !== undefined) entries.push(entry(value, style))
  }
  return entries
}

/**
 * The message as one JSON object, of which each character is one byte. The payload is a string, or with `payloadIsJson`
 * what it is; null if it is not JSON then.
 */
export function jsonMessage(
  message: PrintableMessage,
  moment: Moment,
  style: JsonStyle,
  payloadIsJson: boolean,
): string | null {
  const payload = jsonPayload(message.payload, style, payloadIsJson)
  if (payload === null) return null
  const entries: Entry[] = [
    ['tst', jsonString(isoTimeMicroseconds(moment))],
    ['topic', text(message.topic)],
    ['qos', String(message.qos)],
    ['retain', message.retain ? '1' : '0'],
    ['payloadlen', String(message.payload.length)],
  ]
  if (message.qos > 0) entries.push(['mid', String(message.packetId)])
  const properties = propertyEntries(message.properties, style)
  if (properties.length > 0) entries.push(['properties', jsonObject(properties, style, 2)])
  entries.push(['payload', payload])
  return jsonObject(entries, style, 1)
}

function jsonPayload(payload: Uint8Array, style: JsonStyle, payloadIsJson: boolean): string | null {
  if (payload.length === 0) return 'null'
  const characters = toBinary(payload)
  return payloadIsJson ? jsonAgain(characters, style, 1) : jsonString(characters)
}
