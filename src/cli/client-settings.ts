import type { ConnectOptions, Outgoing } from '../client/index.ts'
import type { Properties, ProtocolVersion, QoS } from '../protocol/index.ts'
import { type BrokerUrl, readBrokerUrl } from './broker-url.ts'
import { usageError } from './exit.ts'
import { DEFAULT_PORT } from './option.ts'
import type { Given } from './parse.ts'
import { addProperty, type PropertiesByCommand, type PropertyCommand } from './properties.ts'

export type Environment = Readonly<Record<string, string | undefined>>

/** Where to and as whom, for every verb that is a client. */
export interface ClientSettings {
  readonly host: string
  readonly port: number
  /** The path of a Unix socket, which takes the place of both. */
  readonly unix: string | undefined
  /** Of -L. */
  readonly topic: string | undefined
  /** Of MQTT_URL. */
  readonly defaultTopic: string | undefined
  readonly version: ProtocolVersion
  readonly options: ConnectOptions
  readonly properties: PropertiesByCommand
  readonly hasPassword: boolean
  readonly debug: boolean
  readonly quiet: boolean
}

const NEVER_EXPIRES = 4_294_967_295

/** Throws a usage error for what does not go together. */
export function clientSettings(
  given: Given,
  environment: Environment,
  processId: number,
  commands: readonly PropertyCommand[],
): ClientSettings {
  const here = given.text('url')
  const url = here === undefined ? undefined : readBrokerUrl(here, '-L')
  const elsewhere = nonEmpty(environment['MQTT_URL'])
  const fallback = elsewhere === undefined ? undefined : readBrokerUrl(elsewhere, 'MQTT_URL')
  const unix = given.text('unix')
  if (unix !== undefined && (url !== undefined || (given.text('host') ?? given.number('port')) !== undefined)) {
    throw usageError('--unix takes the place of -h, -p and -L: leave them out')
  }
  const properties: PropertiesByCommand = {}
  for (const words of given.list<readonly string[]>('properties')) addProperty(properties, words, commands)
  const version = protocolVersion(given)
  const login = credentials(given, url, fallback, environment, version)
  return {
    host: withoutBrackets(given.text('host')) ?? url?.host ?? fallback?.host ?? 'localhost',
    // The port belongs to the host: one from elsewhere does not go with a host that was given.
    port:
      given.number('port') ?? (url ?? (given.text('host') === undefined ? fallback : undefined))?.port ?? DEFAULT_PORT,
    unix,
    topic: url?.topic,
    defaultTopic: fallback?.topic,
    version,
    options: {
      ...session(given, version, properties.connect?.sessionExpiryInterval, processId),
      ...fromConnectProperties(properties.connect ?? {}),
      protocol: version,
      keepAlive: given.number('keepAlive') ?? 60,
      ...(login === undefined ? {} : { credentials: login }),
      ...will(given, properties.will ?? {}),
    },
    properties,
    hasPassword: login?.password !== undefined,
    debug: given.flag('debug'),
    quiet: given.flag('quiet'),
  }
}

/** An IPv6 address may stand in brackets, as in a URL. */
function withoutBrackets(host: string | undefined): string | undefined {
  return host?.replace(/^\[(.*:.*)\]$/, '$1')
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === '' ? undefined : text
}

function protocolVersion(given: Given): ProtocolVersion {
  const asked = given.number('version') as ProtocolVersion | undefined
  const needs =
    given.list('properties').length > 0 ? '-D' : given.number('sessionExpiry') !== undefined ? '-x' : undefined
  if (needs === undefined) return asked ?? 4
  if (asked !== undefined && asked !== 5) throw usageError(`${needs} is of MQTT 5.0: use -V 5 with it`)
  return 5
}

function credentials(
  given: Given,
  url: BrokerUrl | undefined,
  fallback: BrokerUrl | undefined,
  environment: Environment,
  version: ProtocolVersion,
): { username?: string; password?: string } | undefined {
  const username =
    given.text('username') ?? url?.username ?? nonEmpty(environment['MQTT_USERNAME']) ?? fallback?.username
  const password =
    given.text('password') ?? url?.password ?? nonEmpty(environment['MQTT_PASSWORD']) ?? fallback?.password
  if (username === undefined && password === undefined) return undefined
  // [MQTT-3.1.2-22] of MQTT 3.1.1: no password without a user name.
  if (username === undefined && version !== 5) throw usageError('a password needs a user name below MQTT 5.0: add -u')
  return { ...(username === undefined ? {} : { username }), ...(password === undefined ? {} : { password }) }
}

function session(
  given: Given,
  version: ProtocolVersion,
  expiryProperty: number | undefined,
  processId: number,
): ConnectOptions {
  const id = given.text('id')
  const prefix = given.text('idPrefix')
  if (id !== undefined && prefix !== undefined) throw usageError('-i and -I cannot be used together: leave one out')
  const keep = given.flag('keepSession')
  const named = id !== undefined && id !== ''
  const clientId = named ? { clientId: id } : prefix === undefined ? {} : { clientId: `${prefix}${processId}` }
  if (version !== 5) {
    if (keep && !named) throw usageError('-c needs a client identifier by which the broker knows the session: add -i')
    return { ...clientId, cleanStart: !keep }
  }
  const sessionExpiry = given.number('sessionExpiry') ?? expiryProperty ?? (keep ? NEVER_EXPIRES : 0)
  if (sessionExpiry === NEVER_EXPIRES && !named) {
    throw usageError('a session that never expires needs a client identifier to come back to it: add -i')
  }
  return { ...clientId, cleanStart: !keep, sessionExpiry }
}

function fromConnectProperties(properties: Properties): ConnectOptions {
  const { authenticationMethod: method, authenticationData: data } = properties
  if (data !== undefined && method === undefined) {
    throw usageError('-D connect authentication-data needs an authentication-method as well')
  }
  const options: ConnectOptions = {}
  for (const name of [
    'receiveMaximum',
    'maximumPacketSize',
    'topicAliasMaximum',
    'requestProblemInformation',
    'requestResponseInformation',
    'userProperties',
  ] as const) {
    if (properties[name] !== undefined) Object.assign(options, { [name]: properties[name] })
  }
  if (method !== undefined) {
    const respond = (): never => {
      throw new Error(`the broker asks for more by ${method} than the one -D connect authentication-data`)
    }
    options.authentication = { method, begin: () => data, respond }
  }
  return options
}

function will(given: Given, properties: Properties): ConnectOptions {
  const topic = given.text('willTopic')
  const payload = given.bytes('willPayload')
  if (topic === undefined) {
    const lonely = [
      ['--will-payload', payload !== undefined],
      ['--will-qos', given.number('willQos') !== undefined],
      ['--will-retain', given.flag('willRetain')],
      ['-D will', Object.keys(properties).length > 0],
    ].find(([, there]) => there)
    if (lonely !== undefined) throw usageError(`${lonely[0]} needs a topic for the will: add --will-topic`)
    return {}
  }
  const { willDelayInterval, ...rest } = properties
  const outgoing: Outgoing & { delay?: number } = {
    topic,
    payload: payload ?? '',
    qos: (given.number('willQos') ?? 0) as QoS,
    retain: given.flag('willRetain'),
    properties: rest,
  }
  if (willDelayInterval !== undefined) outgoing.delay = willDelayInterval
  return { will: outgoing }
}
