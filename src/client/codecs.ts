import { show } from '../arguments/index.ts'
import { MqttError, toMqttError } from './errors.ts'
import { text as platformText } from './platform.ts'

/** Turns values into payloads and back. */
export interface Codec<T> {
  encode(value: T): Uint8Array
  decode(bytes: Uint8Array): T
  /** Sent as Content Type in MQTT 5.0, unless the publisher sets another. */
  readonly contentType?: string
  /** The payload is UTF-8: sent as Payload Format Indicator 1 in MQTT 5.0. */
  readonly isText?: boolean
}

/** The interface that zod, valibot, arktype and others share (standardschema.dev). */
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

/** Throws MqttError ERR_PAYLOAD if the codec throws, or does not return a Uint8Array. */
export function encodeBy<T>(codec: Codec<T>, value: T): Uint8Array {
  let encoded: unknown
  try {
    encoded = codec.encode(value)
  } catch (error) {
    throw toMqttError(error, 'ERR_PAYLOAD')
  }
  if (encoded instanceof Uint8Array) return encoded
  throw new MqttError('ERR_PAYLOAD', `The codec made ${show(encoded)} of the payload, and not a Uint8Array`)
}

/** Throws MqttError ERR_PAYLOAD if the codec throws. */
export function decodeBy<T>(codec: Codec<T>, bytes: Uint8Array): T {
  try {
    return codec.decode(bytes)
  } catch (error) {
    throw toMqttError(error, 'ERR_PAYLOAD')
  }
}

/** The payload of a publish without a codec. */
export function plainBytes(payload: unknown): Uint8Array {
  if (typeof payload === 'string') return encodeText(payload)
  if (payload instanceof Uint8Array) return payload
  const words = `The payload is ${show(payload)}, which needs a codec: { codec: json() }, or pass text or a Uint8Array`
  throw new MqttError('ERR_PAYLOAD', words)
}

/** UTF-8. Invalid bytes decode to U+FFFD. */
export const text: Codec<string> = {
  encode: encodeText,
  decode: (value) => platformText.decode(value, 0, value.length),
  isText: true,
}

/** JSON. With a schema, decoded values are validated and have its type. */
export function json<T = unknown>(schema?: StandardSchema<T>): Codec<T> {
  if (schema !== undefined) {
    const standard = (schema as Partial<StandardSchema<T>> | null)?.['~standard']
    if (typeof standard?.validate !== 'function') {
      throw new MqttError('ERR_OPTION', `The schema of json() is ${show(schema)}: use one that follows Standard Schema`)
    }
  }
  return {
    contentType: 'application/json',
    isText: true,
    encode: (value) => {
      const source = stringify(value)
      if (source === undefined) throw new MqttError('ERR_PAYLOAD', `JSON cannot encode a value of type ${typeof value}`)
      return encodeText(source)
    },
    decode: (value) => {
      const parsed = parse(text.decode(value))
      return schema === undefined ? (parsed as T) : validate(schema, parsed)
    },
  }
}

export function encodeText(value: string): Uint8Array {
  if (typeof value !== 'string') throw new MqttError('ERR_PAYLOAD', `The payload is ${show(value)}: use text`)
  // It has no UTF-8 form, and would arrive as U+FFFD.
  if (!(value as WellFormed).isWellFormed()) {
    throw new MqttError('ERR_PAYLOAD', 'The payload has half of a surrogate pair')
  }
  const encoded = new Uint8Array(platformText.byteLength(value))
  platformText.encode(value, encoded, 0)
  return encoded
}

/** ES2024; Node 20 has it. */
type WellFormed = string & { isWellFormed(): boolean }

function stringify(value: unknown): string | undefined {
  try {
    return JSON.stringify(value) as string | undefined
  } catch (cause) {
    throw new MqttError('ERR_PAYLOAD', `The payload cannot be encoded as JSON: ${String(cause)}`, { cause })
  }
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
