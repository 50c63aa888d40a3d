import { MqttError } from './errors.ts'
import { text as platformText } from './platform.ts'

/** Payload bytes to a value and back. */
export interface Codec<T> {
  encode(value: T): Uint8Array
  decode(bytes: Uint8Array): T
  /** Sent as the Content Type of MQTT 5.0, if the publisher names no other. */
  readonly contentType?: string
  /** The payload is UTF-8: sent as Payload Format Indicator 1 in MQTT 5.0. */
  readonly isText?: boolean
}

/** What zod, valibot, arktype and others have in common (standardschema.dev), so that none of them is needed here. */
export interface StandardSchema<T> {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => SchemaResult<T> | Promise<SchemaResult<T>>
    readonly types?: { readonly input: unknown; readonly output: T } | undefined
  }
}

type SchemaResult<T> =
  | { readonly value: T; readonly issues?: undefined }
  | {
      readonly issues: readonly {
        readonly message: string
        readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
      }[]
    }

/** The bytes as they are. */
export const bytes: Codec<Uint8Array> = { encode: (value) => value, decode: (value) => value }

/** UTF-8. Bytes that are none become U+FFFD. */
export const text: Codec<string> = {
  encode: encodeText,
  decode: (value) => platformText.decode(value, 0, value.length),
  isText: true,
}

/** JSON; with a schema, what comes in must fit it, and has its type. */
export function json<T = unknown>(schema?: StandardSchema<T>): Codec<T> {
  return {
    contentType: 'application/json',
    isText: true,
    encode: (value) => {
      const source = JSON.stringify(value) as string | undefined
      if (source === undefined) throw new MqttError('ERR_PAYLOAD', `JSON has no form for a ${typeof value}`)
      return encodeText(source)
    },
    decode: (value) => {
      const parsed = parse(text.decode(value))
      return schema === undefined ? (parsed as T) : validate(schema, parsed)
    },
  }
}

export function encodeText(value: string): Uint8Array {
  const encoded = new Uint8Array(platformText.byteLength(value))
  platformText.encode(value, encoded, 0)
  return encoded
}

function parse(source: string): unknown {
  try {
    return JSON.parse(source)
  } catch (cause) {
    const start = source.length > 40 ? `${source.slice(0, 40)}...` : source
    throw new MqttError('ERR_PAYLOAD', `The payload is not JSON: ${start}`, { cause })
  }
}

function validate<T>(schema: StandardSchema<T>, value: unknown): T {
  const result = schema['~standard'].validate(value)
  if (result instanceof Promise) {
    result.catch(() => {})
    throw new MqttError('ERR_PAYLOAD', 'The schema validates asynchronously; json() needs one that answers at once')
  }
  if (result.issues === undefined) return result.value
  const issues = result.issues.map(({ message, path }) => {
    const where = path?.map((step) => String(typeof step === 'object' ? step.key : step)).join('.')
    return where ? `${where}: ${message}` : message
  })
  throw new MqttError('ERR_PAYLOAD', `The payload does not fit the schema: ${issues.join('; ')}`, {
    cause: result.issues,
  })
}
