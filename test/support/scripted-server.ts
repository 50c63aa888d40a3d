import { once } from 'node:events'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { afterEach, beforeEach } from 'node:test'
import { type Client, type ConnectOptions, connect } from '../../src/client/index.ts'
import { PacketType, type Properties, type ProtocolVersion } from '../../src/protocol/index.ts'
import { acknowledgement } from './packets.ts'
import { PATIENCE_MS } from './patience.ts'
import { RawClient } from './raw-client.ts'

/** A server of raw bytes for our client: it does nothing by itself, and a test sees each packet as it came. */
export class ScriptedServer {
  readonly #server: Server
  readonly #peers: RawClient[] = []
  readonly #all: RawClient[] = []
  #wake: (() => void) | null = null

  private constructor(server: Server, version: ProtocolVersion) {
    this.#server = server
    server.on('connection', (socket) => {
      const peer = new RawClient(socket, version)
      this.#peers.push(peer)
      this.#all.push(peer)
      this.#wake?.()
    })
  }

  static async listen(version: ProtocolVersion): Promise<ScriptedServer> {
    const server = createServer({ noDelay: true })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return new ScriptedServer(server, version)
  }

  get url(): string {
    return `mqtt://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** The other end of the client's next connection. */
  async accept(): Promise<RawClient> {
    if (this.#peers.length === 0) {
      await new Promise<void>((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error(`no connection within ${PATIENCE_MS} ms`)), PATIENCE_MS)
        this.#wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
    return this.#peers.shift()!
  }

  async close(): Promise<void> {
    for (const peer of this.#all) peer.kill()
    this.#server.close()
    await once(this.#server, 'close')
  }
}

export interface Joined {
  client: Client
  peer: RawClient
  /** The CONNECT as it came. */
  connect: Uint8Array
}

export interface Stage {
  server: ScriptedServer
  join(options?: ConnectOptions, connack?: Properties, sessionPresent?: boolean): Promise<Joined>
  /** The client comes back after its connection was lost; returns the other end and the CONNECT. */
  back(connack?: Properties, sessionPresent?: boolean): Promise<{ peer: RawClient; connect: Uint8Array }>
}

/** A server for each test of this suite or file, and an end to its clients after it. */
export function stage(version: ProtocolVersion = 5): Stage {
  const clients: Client[] = []
  const welcome = async (peer: RawClient, properties: Properties, sessionPresent: boolean): Promise<Uint8Array> => {
    const bytes = await peer.next()
    peer.send({ type: PacketType.Connack, sessionPresent, reasonCode: 0, properties })
    return bytes
  }
  const made: Stage = {
    server: undefined as unknown as ScriptedServer,
    async join(options = {}, connack = {}, sessionPresent = false) {
      const connecting = connect(made.server.url, { protocol: version, reconnect: { min: 0, max: 0 }, ...options })
      const peer = await made.server.accept()
      const bytes = await welcome(peer, connack, sessionPresent)
      const client = await connecting
      clients.push(client)
      return { client, peer, connect: bytes }
    },
    async back(connack = {}, sessionPresent = false) {
      const peer = await made.server.accept()
      return { peer, connect: await welcome(peer, connack, sessionPresent) }
    },
  }
  beforeEach(async () => {
    made.server = await ScriptedServer.listen(version)
  })
  afterEach(async () => {
    await Promise.all(clients.splice(0).map((client) => client.close({ timeout: 50 })))
    await made.server.close()
  })
  return made
}

/** The client has sent nothing since: what comes next is a message that it publishes only now. */
export async function nothingFrom({ client, peer }: Pick<Joined, 'client' | 'peer'>): Promise<void> {
  // With QoS 1, as it waits where the client does not know yet that it is connected again.
  const published = client.publish('marker', '', { qos: 1 })
  const next = await peer.receive()
  if (next.topic !== 'marker') throw new Error(`nothing was expected, a message to '${next.topic}' came`)
  peer.send(acknowledgement(PacketType.Puback, next.packetId))
  await published
}

/** Takes a PUBLISH of QoS 1 and answers it. */
export async function acknowledged(peer: RawClient): Promise<number> {
  const { packetId } = await peer.receive()
  peer.send(acknowledgement(PacketType.Puback, packetId))
  return packetId
}

/** Takes a SUBSCRIBE and grants it. */
export async function granted(peer: RawClient): Promise<number> {
  const { packetId, subscriptions } = await peer.expect(PacketType.Subscribe)
  const reasonCodes = Array.from(subscriptions, ({ qos }) => qos)
  peer.send({ type: PacketType.Suback, packetId, reasonCodes, properties: {} })
  return packetId
}
