import type { AnonymousPolicy } from '../access/index.ts'
import { defaultSettings, type Settings } from '../broker/index.ts'
import { type Config, defaultListener, type GeneralConfig, type ListenerConfig, version } from '../config/index.ts'
import type { LogLevel } from './log.ts'
import type { ListenOptions, ServerSettings } from './server.ts'

/** Options that say 0 for 'no limit' where the core wants a number. */
const NO_LIMIT_IN_FLIGHT = 65_535

const DEFAULT_PORT = 1883

/** What the command line says of it. */
interface Told {
  readonly configFile: string | null
  /** Null: what the configuration says, or 1883. */
  readonly port: number | null
}

/** All that a configuration tells a server, at its start or while it runs. */
export function serverSettingsFrom(config: Config, told: Told): ServerSettings {
  return {
    settings: settingsFrom(config.general),
    maximumConnections: config.general.globalMaxConnections,
    listeners: listenersFrom(config, told),
  }
}

/** Without a listener in the configuration it is, as in mosquitto, this machine only; without a configuration, everywhere. */
function listenersFrom(config: Config, args: Told): ListenOptions[] {
  const { general } = config
  const unsaid = args.configFile === null ? 'private' : config.localOnly ? 'everybody' : 'nobody'
  if (!config.localOnly && args.configFile !== null) {
    return config.listeners.map((listener) => listenOptionsFrom(listener, general, unsaid))
  }
  const { allowAnonymous, allowZeroLengthClientid, autoIdPrefix } = general
  const said = { allowAnonymous, allowZeroLengthClientid, autoIdPrefix }
  const listener = config.listeners[0] ?? { ...defaultListener(DEFAULT_PORT), ...said }
  const options = listenOptionsFrom(listener, general, unsaid)
  const port = args.port ?? listener.port
  if (args.configFile === null) return [{ ...options, port }]
  return ['127.0.0.1', '::1'].map((host) => ({ ...options, port, host }))
}

function settingsFrom(general: GeneralConfig): Settings {
  return {
    ...defaultSettings,
    version: `nightjar version ${version}`,
    maximumPacketSize: general.maxPacketSize,
    maximumPacketSizeMQTT3: general.maxPacketSizeMqtt3,
    messageSizeLimit: general.messageSizeLimit,
    maximumInFlight: general.maxInflightMessages === 0 ? NO_LIMIT_IN_FLIGHT : general.maxInflightMessages,
    receiveMaximum: general.receiveMaximum,
    maximumInFlightBytes: general.maxInflightBytes,
    maximumQueuedMessages: general.maxQueuedMessages,
    maximumQueuedBytes: general.maxQueuedBytes,
    maximumQueueMemory: general.maxQueueMemory,
    queueFullPolicy: general.queueFullPolicy,
    maximumClients: Math.max(0, general.globalMaxClients),
    maximumConnectionRate: general.maxConnectionRate,
    maximumPublishRate: general.maxPublishRate,
    maximumPublishByteRate: general.maxPublishByteRate,
    publishRatePolicy: general.publishRatePolicy,
    maximumSubscriptions: general.maxSubscriptions,
    maximumSharedSubscriptions: general.maxSharedSubscriptions,
    maximumRetainedMessages: general.maxRetainedMessages,
    maximumRetainedBytes: general.maxRetainedBytes,
    maximumTopicLevels: general.maxTopicLevels,
    maximumOutgoingBytes: general.maxOutgoingBytes,
    queueQoS0: general.queueQos0Messages,
    upgradeOutgoingQoS: general.upgradeOutgoingQos,
    retainAvailable: general.retainAvailable,
    wildcardSubscriptionsAvailable: general.wildcardSubscriptionsAvailable,
    sharedSubscriptionsAvailable: general.sharedSubscriptionsAvailable,
    subscriptionIdentifiersAvailable: general.subscriptionIdentifiersAvailable,
    responseTopicPrefix: general.responseTopicPrefix,
    serverReference: general.serverReference,
    retainExpiry: general.retainExpiryInterval,
    maximumKeepAlive: general.maxKeepalive,
    persistentClientExpiration: general.persistentClientExpiration,
    connectTimeout: general.connectTimeout * 1000,
    sysInterval: general.sysInterval,
    starWildcard: general.starWildcard,
    sysAlias: general.sysAlias,
    connectionMessages: general.connectionMessages,
  }
}

/** What listener a line of the configuration opens. `unsaid` is who may come in where `allow_anonymous` is not set. */
function listenOptionsFrom(listener: ListenerConfig, general: GeneralConfig, unsaid: AnonymousPolicy): ListenOptions {
  const { allowAnonymous, socketDomain, bindAddress } = listener
  const everywhere = socketDomain === 'ipv4' ? '0.0.0.0' : socketDomain === 'ipv6' ? '::' : undefined
  return {
    port: listener.port,
    ...(listener.port === 0 ? { path: bindAddress! } : { host: bindAddress ?? everywhere }),
    ipv6Only: socketDomain === 'ipv6',
    access: allowAnonymous === null ? unsaid : allowAnonymous ? 'everybody' : 'nobody',
    noDelay: general.setTcpNodelay,
    maximumConnections: listener.maxConnections,
    settings: {
      maximumQoS: listener.maxQos,
      topicAliasMaximum: listener.maxTopicAlias,
      topicAliasMaximumOutgoing: listener.maxTopicAliasBroker,
      protocolVersions: listener.acceptProtocolVersions,
      allowZeroLengthClientId: listener.allowZeroLengthClientid,
      autoIdPrefix: listener.autoIdPrefix,
    },
  }
}

/** What `log_type` lets through; `-v` lets everything through. */
export function levelsFrom(config: Config, verbose: boolean, quiet: boolean): Set<LogLevel> {
  if (quiet) return new Set()
  const all: LogLevel[] = ['error', 'warning', 'notice', 'information', 'debug', 'subscribe', 'unsubscribe']
  if (verbose) return new Set(all)
  return new Set(all.filter((level) => (config.general.logType as readonly string[]).includes(level)))
}
