/** The door of the package `nightjar`: a broker in your own process. */
import {
  type AuthenticationMethod,
  scramCredential as makeCredential,
  type ScramCredential,
  type ScramOptions,
  scram,
  scramMethods,
} from './access/index.ts'
import {
  type BrokerEvent,
  defaultListener,
  defaultSettings,
  type PublishOptions,
  type Settings,
} from './broker/index.ts'
import { checkBrokerOptions, checkPublish, checkScramCredential } from './check-options.ts'
import { version } from './config/index.ts'
import { inWords, saslPrep } from './protocol/index.ts'
import { Server } from './server/index.ts'
import type { ClientTransport } from './transport/index.ts'

export interface CreateBrokerOptions {
  /** The TCP port to listen on; 0 takes a free one. Without it the broker listens nowhere: clients come by `transport`. */
  readonly port?: number
  /** The address to listen on; without it, every address of the machine. */
  readonly host?: string
  /** Who may connect over TCP without a password. Default: 'private', this machine and private networks. */
  readonly anonymous?: 'everybody' | 'private' | 'nobody'
  readonly authentication?: AuthenticationOptions
  /** Limits and behaviours that differ from the defaults. */
  readonly settings?: Partial<Settings>
  /**
   * Called for every refusal, drop, takeover and expiry, soon after it; `describeEvent` has the words. It may publish. What
   * it throws is a warning of the process, once.
   */
  readonly onEvent?: (event: BrokerEvent) => void
}

/** How clients of MQTT 5.0 may prove who they are. Whoever does comes in, whatever `anonymous` says. */
export interface AuthenticationOptions {
  /** By user name, what is kept of each password (see `scramCredential`): for SCRAM-SHA-1, SCRAM-SHA-256, SCRAM-SHA-512. */
  readonly users?: Readonly<Record<string, ScramCredential | readonly ScramCredential[]>>
  /** Further methods, by the name that clients send as Authentication Method. */
  readonly methods?: Readonly<Record<string, AuthenticationMethod>>
}

export interface EmbeddedBroker extends AsyncDisposable {
  /** The port that it listens on, or null. */
  readonly port: number | null
  /**
   * Publishes a message; returns whether anybody was subscribed. Text is sent as UTF-8.
   * Throws an MqttError (ERR_TOPIC, ERR_PAYLOAD, ERR_OPTION) for what cannot be published.
   */
  publish(topic: string, payload: Uint8Array | string, options?: PublishOptions): boolean
  /** A connection without a socket: `connect('mqtt://in-process', { transport: () => broker.transport() })`. */
  transport(): ClientTransport
  /** Tells the clients, closes their connections, and resolves when all are gone. */
  close(): Promise<void>
}

/**
 * Starts a broker in this process. Rejects with an MqttError (ERR_OPTION) for options that cannot be, and with the system's
 * error if it cannot listen.
 */
export async function createBroker(options: CreateBrokerOptions = {}): Promise<EmbeddedBroker> {
  checkBrokerOptions(options)
  const settings = { ...defaultSettings, version: `nightjar version ${version}`, ...options.settings }
  const server = new Server(settings, guarded(options.onEvent), methodsFrom(options.authentication ?? {}))
  const port = options.port === undefined ? null : await listen(server, options.port, options)
  const encoder = new TextEncoder()
  const close = (): Promise<void> => server.close()
  return {
    port,
    publish: (topic, payload, how) => {
      checkPublish(topic, payload, how)
      const bytes = typeof payload === 'string' ? encoder.encode(payload) : payload
      return server.act((broker) => broker.publish(topic, bytes, how))
    },
    transport: () => server.connect(),
    close,
    [Symbol.asyncDispose]: close,
  }
}

/** Whatever the program around the broker does with an event must not disturb the broker. */
function guarded(onEvent: (event: BrokerEvent) => unknown = () => {}): (event: BrokerEvent) => void {
  let told = false
  const tell = (error: unknown): void => {
    if (!told) process.emitWarning(`onEvent of createBroker failed: ${inWords(error)}`, 'NightjarWarning')
    told = true
  }
  return (event) => {
    try {
      const result = onEvent(event)
      if (result instanceof Promise) result.catch(tell)
    } catch (error) {
      tell(error)
    }
  }
}

function methodsFrom({ users, methods = {} }: AuthenticationOptions): Map<string, AuthenticationMethod> {
  const all = new Map<string, AuthenticationMethod>()
  if (users !== undefined) {
    const credentials = new Map(Object.entries(users).map(([name, kept]) => [saslPrep(name), [kept].flat()]))
    for (const name of scramMethods) {
      all.set(
        name,
        scram(name, (username, method) => credentials.get(username)?.find((one) => one.method === method)),
      )
    }
  }
  for (const [name, method] of Object.entries(methods)) all.set(name, method)
  return all
}

async function listen(server: Server, port: number, options: CreateBrokerOptions): Promise<number> {
  const { name: _, ...settings } = defaultListener
  try {
    return await server.listen({
      port,
      host: options.host,
      access: options.anonymous ?? 'private',
      noDelay: true,
      maximumConnections: -1,
      settings,
    })
  } catch (error) {
    // Its clock runs already: whoever tries port after port must not gather brokers.
    await server.close(0)
    throw error
  }
}

/**
 * What a broker keeps of a password, for `authentication.users`. Takes some milliseconds. Throws MqttError (ERR_OPTION) for
 * a password that is empty or has control characters, and for options that cannot be.
 */
export function scramCredential(password: string, options?: ScramOptions): ScramCredential {
  checkScramCredential(password, options)
  return makeCredential(password, options)
}

export type {
  AuthenticationMethod,
  AuthenticationSteps,
  ScramCredential,
  ScramMethod,
  ScramOptions,
} from './access/index.ts'
export type {
  AuthenticationOutcome,
  BrokerEvent,
  ConnectRequest,
  EventId,
  PublishOptions,
  Settings,
} from './broker/index.ts'
export { describe as describeEvent, events } from './broker/index.ts'
export { MqttError } from './client/index.ts'
export { version } from './config/index.ts'
export type { ClientTransport } from './transport/index.ts'
