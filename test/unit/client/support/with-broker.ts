import { afterEach, beforeEach } from 'node:test'
import { type Client, type ConnectOptions, connect } from '../../../../src/client/index.ts'
import type { ConnackPacket } from '../../../../src/protocol/index.ts'
import { type Peer, ScriptedBroker } from './scripted-broker.ts'

/** Retries at once, so that no test waits. */
export const AT_ONCE = { min: 0, max: 0 }

export interface Scene {
  broker: ScriptedBroker
  /** Connects, and answers CONNACK. */
  join(options?: ConnectOptions, connack?: Partial<ConnackPacket>): Promise<{ client: Client; peer: Peer }>
}

/** A scripted broker for each test, and an end to all clients after it. */
export function scene(): Scene {
  const clients: Client[] = []
  const made: Scene = {
    broker: undefined as unknown as ScriptedBroker,
    join: async (options = {}, connack = {}) => {
      const connecting = connect(made.broker.url, { reconnect: AT_ONCE, ...options })
      const peer = await made.broker.welcome(connack)
      const client = await connecting
      clients.push(client)
      return { client, peer }
    },
  }
  beforeEach(async () => {
    made.broker = await ScriptedBroker.listen()
  })
  afterEach(async () => {
    await Promise.all(clients.splice(0).map((client) => client.close({ timeout: 50 })))
    await made.broker.close()
  })
  return made
}
