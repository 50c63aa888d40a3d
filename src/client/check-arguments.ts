import {
  bytes,
  type Check,
  either,
  type Foreign,
  flag,
  list,
  method,
  number,
  object,
  oneOf,
  options,
  pairs,
  shortTextOrBytes,
  show,
  signal,
  text,
  whole,
} from '../arguments/index.ts'
import { topicNameError } from '../topics/index.ts'
import { type ErrorCode, MqttError } from './errors.ts'
import { LARGEST_PACKET } from './server-limits.ts'

/** Checks the arguments of each public function: an MqttError says which one is wrong, and why. */

const MAXIMUM_UINT32 = 0xffff_ffff
const INFINITE = Number.POSITIVE_INFINITY

const topicName: Check = (value, name) => {
  const wrong = typeof value === 'string' ? topicNameError(value) : null
  return wrong === null ? text(value, name) : `${name} is ${show(value)}, which is not a topic: ${wrong}`
}
const qos = oneOf(0, 1, 2)
/** Milliseconds, as long as a timer can be. */
const milliseconds = whole(0, 2 ** 31 - 1)
const isFunction = (value: unknown): boolean => typeof value === 'function'
const codec = object('a codec, { encode, decode }', 'encode', 'decode')

const MESSAGE_PROPERTIES: Readonly<Record<string, Check>> = {
  payloadFormatIndicator: oneOf(0, 1),
  messageExpiryInterval: whole(0, MAXIMUM_UINT32),
  contentType: text,
  responseTopic: topicName,
  correlationData: bytes,
  userProperties: pairs,
}
// Messages are often forwarded with the properties that they came with; this one is left out then [MQTT-3.3.4-6].
const properties = options({ ...MESSAGE_PROPERTIES, subscriptionIdentifiers: () => null })

/** Names that belong into `properties`. */
const MISPLACED: Foreign = Object.fromEntries(
  Object.keys(MESSAGE_PROPERTIES).map((name) => [name, `properties: { ${name} }`]),
)

const message = { qos, retain: flag, properties }
const NEEDLESS = '!it is not needed'
const IN_URL = '!it is part of the URL, mqtt://[user[:password]@]host[:port]'
const NO_TLS = '!TLS is not in this version'

/** Names that MQTT.js uses. */
const MQTT_JS_CONNECT: Foreign = {
  username: 'credentials: { username }',
  password: 'credentials: { password }',
  clean: 'cleanStart',
  protocolVersion: 'protocol',
  protocolId: 'protocol',
  reconnectPeriod: 'reconnect: { min, max }',
  reconnectOnConnackError: "reconnect: { onRefused: 'retry' }",
  queueQoSZero: "queue: { qos0: 'keep' }",
  customHandleAcks: "ack: 'manual' of subscribe()",
  autoUseTopicAlias: 'topicAliases',
  autoAssignTopicAlias: 'topicAliases',
  sessionExpiryInterval: 'sessionExpiry',
  properties: '!its members are options of their own: sessionExpiry, receiveMaximum, userProperties ...',
  lwt: 'will',
  log: 'onEvent',
  resubscribe: '!subscriptions are always restored',
  incomingStore: '!what waits is in memory',
  outgoingStore: '!what waits is in memory',
  reschedulePings: NEEDLESS,
  messageIdProvider: NEEDLESS,
  timerVariant: NEEDLESS,
  manualConnect: NEEDLESS,
  host: IN_URL,
  hostname: IN_URL,
  port: IN_URL,
  servers: IN_URL,
  path: IN_URL,
  rejectUnauthorized: NO_TLS,
  ca: NO_TLS,
  cert: NO_TLS,
  key: NO_TLS,
  tls: NO_TLS,
  wsOptions: '!WebSocket is not in this version',
  transformWsUrl: '!WebSocket is not in this version',
}
const MQTT_JS_SUBSCRIBE: Foreign = {
  nl: 'noLocal',
  rap: 'retainAsPublished',
  rh: "retained: 'send', 'if-new' or 'skip'",
  retainHandling: "retained: 'send', 'if-new' or 'skip'",
  properties: 'userProperties',
  subscriptionIdentifier: '!the client chooses Subscription Identifiers itself',
}
const MQTT_JS_PUBLISH: Foreign = {
  ...MISPLACED,
  dup: '!the client sets DUP itself',
  topicAlias: '!the client assigns Topic Aliases itself: see topicAliases of connect()',
  timeout: 'signal: AbortSignal.timeout(milliseconds)',
}

const credentials = options({ username: text, password: shortTextOrBytes })
const publicationOptions = { ...message, codec, signal }
const questionOptions = { qos, properties, codec, answerCodec: codec, timeout: milliseconds, signal }

type Call =
  | 'connect'
  | 'publish'
  | 'subscribe'
  | 'unsubscribe'
  | 'request'
  | 'serve'
  | 'next'
  | 'events'
  | 'drain'
  | 'close'
  | 'scram'

const SHAPES: Readonly<Record<Call, Check>> = {
  connect: options(
    {
      clientId: text,
      protocol: oneOf(5, 4, 3),
      cleanStart: flag,
      sessionExpiry: whole(0, MAXIMUM_UINT32),
      keepAlive: whole(0, 65_535),
      credentials: either(isFunction, () => null, credentials),
      will: options(
        { topic: topicName, payload: shortTextOrBytes, ...message, delay: whole(0, MAXIMUM_UINT32) },
        { ...MISPLACED, willDelayInterval: 'delay' },
      ),
      signal,
      reconnect: either(
        (value) => value === false,
        () => null,
        options({
          min: number(0, INFINITE),
          max: number(0, INFINITE),
          factor: number(1, INFINITE),
          jitter: number(0, 1),
          onRefused: oneOf('stop', 'retry'),
          attempts: number(1, INFINITE),
        }),
      ),
      connectTimeout: whole(1, 2 ** 31 - 1),
      queue: options({
        messages: number(0, INFINITE),
        bytes: number(0, INFINITE),
        qos0: oneOf('drop', 'keep'),
        whenFull: oneOf('reject', 'drop-oldest', 'wait'),
      }),
      poison: oneOf('resend', 'put-aside'),
      subscriptions: list(text, 'an array of topic filters'),
      receiveMaximum: whole(1, 65_535),
      maximumInFlight: whole(1, 65_535),
      maximumPacketSize: whole(16, LARGEST_PACKET),
      topicAliasMaximum: whole(0, 65_535),
      topicAliases: whole(0, 65_535),
      requestResponseInformation: flag,
      requestProblemInformation: flag,
      userProperties: pairs,
      authentication: object('{ method, begin, respond }, such as scram(name, password)', 'begin', 'respond'),
      onEvent: method,
      transport: method,
      clock: object('{ now, setTimeout, clearTimeout }', 'now', 'setTimeout', 'clearTimeout'),
      random: method,
    },
    MQTT_JS_CONNECT,
    'connect()',
  ),
  publish: options(publicationOptions, MQTT_JS_PUBLISH, 'publish()'),
  subscribe: options(
    {
      qos,
      codec,
      ack: oneOf('on-receive', 'on-next', 'manual'),
      buffer: whole(1, MAXIMUM_UINT32),
      overflow: oneOf('pause', 'drop-oldest', 'error'),
      retained: oneOf('send', 'if-new', 'skip'),
      noLocal: flag,
      retainAsPublished: flag,
      share: text,
      named: flag,
      partial: flag,
      userProperties: pairs,
      signal,
    },
    MQTT_JS_SUBSCRIBE,
    'subscribe()',
  ),
  unsubscribe: options({ userProperties: pairs }, { properties: 'userProperties' }, 'unsubscribe()'),
  request: options(questionOptions, MQTT_JS_PUBLISH, 'request()'),
  serve: options(
    { qos, codec, answerCodec: codec, share: text, concurrency: whole(1, MAXIMUM_UINT32), signal },
    {},
    'serve()',
  ),
  next: options({ signal, timeout: milliseconds }, {}, 'next()'),
  events: options({ signal }, {}, 'events()'),
  drain: options({ signal, timeout: milliseconds }, {}, 'drain()'),
  close: options(
    {
      timeout: milliseconds,
      reason: text,
      withWill: flag,
      sessionExpiry: whole(0, MAXIMUM_UINT32),
      userProperties: pairs,
    },
    {},
    'close()',
  ),
  scram: options({ method: oneOf('SCRAM-SHA-1', 'SCRAM-SHA-256', 'SCRAM-SHA-512'), nonce: method }, {}, 'scram()'),
}

/** Throws MqttError ERR_OPTION if the options of this function are not valid. */
export function checkOptions(call: Call, value: unknown): void {
  const wrong = SHAPES[call](value, `options of ${call}()`)
  if (wrong !== null) throw new MqttError('ERR_OPTION', wrong)
}

/** Throws MqttError ERR_TOPIC if the value is not a Topic Name. */
export function checkTopic(topic: unknown, name = 'The topic'): void {
  check('ERR_TOPIC', name, topic, topicName)
}

/** The filters given to subscribe() or unsubscribe(), at least `least`. `readFilter` checks each. */
export function filterList(filter: unknown, least = 1): readonly string[] {
  if (typeof filter === 'string') return [filter]
  if (Array.isArray(filter) && filter.length >= least) return filter
  const code = Array.isArray(filter) ? 'ERR_OPTION' : 'ERR_TOPIC'
  const shown = Array.isArray(filter) ? 'an empty array' : show(filter)
  throw new MqttError(code, `The topic filter is ${shown}: use text, or an array of one or more`)
}

/** Throws MqttError ERR_OPTION if the application's function did not return credentials. */
export function checkCredentials(value: unknown): void {
  check('ERR_OPTION', 'The result of credentials()', value, credentials)
}

/** Throws an MqttError with this code if the value is not valid. */
export function check(code: ErrorCode, name: string, value: unknown, what: Check): void {
  const wrong = what(value, name)
  if (wrong !== null) throw new MqttError(code, wrong)
}
