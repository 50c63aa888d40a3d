/** The door of the package `nightjar`: a broker in your own process. */
import {
  type BrokerEvent,
  defaultListener,
  defaultSettings,
  type PublishOptions,
  type Settings,
} from './broker/index.ts'
import { version } from './config/index.ts'
import { Server } from './server/index.ts'
import type { ClientTransport } from './transport/index.ts'

export interface CreateBrokerOptions {
  /** The TCP port to listen on; 0 takes a free one. Without it the broker listens nowhere: clients come by `transport`. */
  readonly port?: number
  /** The address to listen on; without it, every address of the machine. */
  readonly host?: string
  /** Who may connect over TCP without a password. Default: 'private', this machine and private networks. */
  readonly anonymous?: 'everybody' | 'private' | 'nobody'
  /** Limits and behaviours that differ from the defaults. */
  readonly settings?: Partial<Settings>
  /** Called for every refusal, drop, takeover and expiry; `describeEvent` has the words. */
  readonly onEvent?: (event: BrokerEvent) => void
}

export interface EmbeddedBroker extends AsyncDisposable {
  /** The port that it listens on, or null. */
  readonly port: number | null
  /**
   * Publishes a message; returns whether anybody was subscribed. Text is sent as UTF-8.
   * Throws a RangeError if the topic is not a Topic Name.
   */
  publish(topic: string, payload: Uint8Array | string, options?: PublishOptions): boolean
  /** A connection without a socket: `connect('mqtt://in-process', { transport: () => broker.transport() })`. */
  transport(): ClientTransport
  /** Tells the clients, closes their connections, and resolves when all are gone. */
  close(): Promise<void>
}

/** Starts a broker in this process. Rejects with the system's error if it cannot listen. */
export async function createBroker(options: CreateBrokerOptions = {}): Promise<EmbeddedBroker> {
  const settings = { ...defaultSettings, version: `nightjar version ${version}`, ...options.settings }
  const server = new Server(settings, options.onEvent ?? (() => {}))
  const port = options.port === undefined ? null : await listen(server, options.port, options)
  const encoder = new TextEncoder()
  const close = (): Promise<void> => server.close()
  return {
    port,
    publish: (topic, payload, how) => {
      const bytes = typeof payload === 'string' ? encoder.encode(payload) : payload
      return server.act((broker) => broker.publish(topic, bytes, how))
    },
    transport: () => server.connect(),
    close,
    [Symbol.asyncDispose]: close,
  }
}

function listen(server: Server, port: number, options: CreateBrokerOptions): Promise<number> {
  const { name: _, ...settings } = defaultListener
  return server.listen({
    port,
    host: options.host,
    access: options.anonymous ?? 'private',
    noDelay: true,
    maximumConnections: -1,
    settings,
  })
}

export type { BrokerEvent, EventId, PublishOptions, Settings } from './broker/index.ts'
export { describe as describeEvent, events } from './broker/index.ts'
export { version } from './config/index.ts'
export type { ClientTransport } from './transport/index.ts'
