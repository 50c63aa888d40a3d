import { SCRAM_ITERATIONS_MIN, scramMethods } from './access/index.ts'
import {
  bytes,
  type Check,
  type Foreign,
  flag,
  list,
  method,
  number,
  object,
  oneOf,
  options,
  pairs,
  text,
  textOrBytes,
  whole,
} from './arguments/index.ts'
import { defaultSettings, type Settings } from './broker/index.ts'
import { type ErrorCode, MqttError } from './client/index.ts'
import { saslPrep } from './protocol/index.ts'
import { topicNameError } from './topics/index.ts'

/** What may be handed to createBroker and to the broker that it makes. */

/** Where a setting is no count: what it may be. */
const SPECIAL: Readonly<Partial<Record<keyof Settings, Check>>> = {
  version: text,
  queueFullPolicy: oneOf('newest', 'oldest', 'disconnect'),
  publishRatePolicy: oneOf('slow', 'disconnect'),
  responseTopicPrefix: textOrNull,
  serverReference: textOrNull,
  maximumPacketSize: whole(1, 268_435_460),
  maximumProperties: whole(1, Number.MAX_SAFE_INTEGER),
  maximumInFlight: whole(1, 65_535),
  receiveMaximum: whole(1, 65_535),
  maximumKeepAlive: whole(1, 65_535),
  connectTimeout: whole(1, 2 ** 31 - 1),
}

function textOrNull(value: unknown, name: string): string | null {
  return value === null ? null : text(value, name)
}

/** By the kind of its default: a setting that is added is checked, too. */
const settings: Readonly<Record<string, Check>> = Object.fromEntries(
  Object.entries(defaultSettings).map(([name, value]) => {
    const special = SPECIAL[name as keyof Settings]
    if (special !== undefined) return [name, special]
    if (typeof value === 'boolean') return [name, flag]
    return [name, typeof value === 'number' ? number(0, Number.POSITIVE_INFINITY) : () => null]
  }),
)

const credential = object('what scramCredential() makes')

const users: Check = (value, name) => {
  const wrong = object('an object of credentials by user name')(value, name)
  if (wrong !== null) return wrong
  for (const [user, kept] of Object.entries(value as object)) {
    const one = Array.isArray(kept) ? list(credential, 'credentials') : credential
    const problem = text(user, `a name in ${name}`) ?? one(kept, `${name}.${user}`)
    if (problem !== null) return problem
  }
  return null
}

const methods: Check = (value, name) => {
  const wrong = object('an object of functions by name')(value, name)
  if (wrong !== null) return wrong
  for (const [one, made] of Object.entries(value as object)) {
    const problem = text(one, `a name in ${name}`) ?? method(made, `${name}.${one}`)
    if (problem !== null) return problem
  }
  return null
}

/** Aedes's names. */
const AEDES: Foreign = {
  authenticate: 'authentication: { users } or { methods }',
  connectTimeout: 'settings: { connectTimeout }',
  keepaliveLimit: 'settings: { maximumKeepAlive }',
  queueLimit: 'settings: { maximumQueuedMessages }',
  concurrency: 'settings: { maximumInFlight }',
  maxClientsIdLength: '!Client Identifiers may have any length that MQTT allows',
  heartbeatInterval: 'settings: { sysInterval }',
  persistence: '!a broker in a program keeps its state in memory',
  mq: '!a broker is one process',
  id: '!a broker has no identifier',
  preConnect: 'onEvent',
  published: 'onEvent',
  authorizePublish: '!access rules are not in this version',
  authorizeSubscribe: '!access rules are not in this version',
  authorizeForward: '!access rules are not in this version',
}

const broker = options(
  {
    port: whole(0, 65_535),
    host: text,
    anonymous: oneOf('everybody', 'private', 'nobody'),
    authentication: options({ users, methods }),
    settings: options(settings),
    onEvent: method,
  },
  AEDES,
  'createBroker()',
)

const publish = options(
  {
    qos: oneOf(0, 1, 2),
    retain: flag,
    properties: options({
      payloadFormatIndicator: oneOf(0, 1),
      messageExpiryInterval: whole(0, 0xffff_ffff),
      contentType: text,
      responseTopic: text,
      correlationData: bytes,
      userProperties: pairs,
    }),
  },
  {},
  'publish()',
)

/** As long as a salt may be: it is sent in an AUTH packet, in base64. */
const LONGEST_SALT = 1024
const salt: Check = (value, name) => {
  const wrong = bytes(value, name)
  if (wrong !== null) return wrong
  const { length } = value as Uint8Array
  return length > 0 && length <= LONGEST_SALT ? null : `${name} has ${length} bytes: use 1 to ${LONGEST_SALT}`
}

const scramOptions = options(
  { method: oneOf(...scramMethods), iterations: whole(SCRAM_ITERATIONS_MIN, 2 ** 31 - 1), salt },
  {},
  'scramCredential()',
)

/** Throws MqttError ERR_OPTION. */
export function checkScramCredential(password: unknown, how: unknown): void {
  const name = 'The password of scramCredential()'
  check('ERR_OPTION', typeof password === 'string' ? null : text(password, name))
  check('ERR_OPTION', saslPrep(password as string) ? null : `${name} is empty, or has characters that none may have`)
  if (how !== undefined) check('ERR_OPTION', scramOptions(how, 'options of scramCredential()'))
}

/** Throws MqttError ERR_OPTION. */
export function checkBrokerOptions(value: unknown): void {
  check('ERR_OPTION', broker(value, 'options of createBroker()'))
}

/** Throws MqttError ERR_TOPIC, ERR_PAYLOAD or ERR_OPTION. */
export function checkPublish(topic: unknown, payload: unknown, how: unknown): void {
  const wrong = typeof topic === 'string' ? topicNameError(topic) : null
  check('ERR_TOPIC', wrong === null ? text(topic, 'The topic') : `The topic is not valid: ${wrong}`)
  check('ERR_PAYLOAD', textOrBytes(payload, 'The payload'))
  if (how !== undefined) check('ERR_OPTION', publish(how, 'options of publish()'))
}

function check(code: ErrorCode, wrong: string | null): void {
  if (wrong !== null) throw new MqttError(code, wrong)
}
