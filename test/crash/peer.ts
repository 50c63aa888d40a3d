import { connect as connectSocket, type Socket } from 'node:net'
import { type Packet, PacketType, type ProtocolVersion } from '../../src/protocol/index.ts'
import { connect } from '../support/packets.ts'
import { decodeAll, encodeToBytes } from '../unit/protocol/support.ts'

/** A client with a Session that is kept. It remembers what a client has to, as its connections come and go. */
export abstract class Peer {
  readonly clientId: string
  readonly version: ProtocolVersion
  /** Connected again, and the broker did not know the Session any more. */
  sessionsLost = 0
  #known = false
  #socket: Socket | null = null
  #rest: Uint8Array = new Uint8Array(0)

  constructor(clientId: string, version: ProtocolVersion) {
    this.clientId = clientId
    this.version = version
  }

  /** Connects, and resolves when the broker has accepted that. */
  open(port: number): Promise<void> {
    const socket = connectSocket({ port, host: '127.0.0.1', noDelay: true })
    this.#socket = socket
    this.#rest = new Uint8Array(0)
    const properties = this.version === 5 ? { sessionExpiryInterval: 3600 } : {}
    const { clientId, version } = this
    this.send(connect({ clientId, version, cleanStart: false, properties }))
    return new Promise((resolve, reject) => {
      socket.on('error', reject)
      socket.on('close', () => reject(new Error('the connection ended before CONNACK')))
      socket.on('data', (bytes) => {
        for (const packet of this.#packets(bytes)) {
          if (packet.type === PacketType.Connack) {
            if (packet.reasonCode !== 0) return reject(new Error(`CONNECT was refused: ${packet.reasonCode}`))
            if (this.#known && !packet.sessionPresent) this.sessionsLost++
            const first = !this.#known
            this.#known = true
            this.opened(first)
            resolve()
          } else this.received(packet)
        }
      })
    })
  }

  /** Ends the connection without a word. */
  drop(): void {
    this.#socket?.destroy()
    this.#socket = null
  }

  send(...packets: Packet[]): void {
    const socket = this.#socket
    if (socket === null || socket.destroyed) return
    socket.write(Buffer.concat(packets.map((packet) => encodeToBytes(packet, this.version))))
  }

  /** `first`: the Session is new, and has no subscriptions. */
  protected abstract opened(first: boolean): void
  protected abstract received(packet: Packet): void

  *#packets(bytes: Uint8Array): Iterable<Packet> {
    let rest = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes])
    for (let length = packetLength(rest); length > 0 && length <= rest.length; length = packetLength(rest)) {
      yield* decodeAll(new Uint8Array(rest.subarray(0, length)), this.version)
      rest = rest.subarray(length)
    }
    this.#rest = rest
  }
}

/** Of the packet that begins there; 0 if not enough of it is there to tell. */
function packetLength(bytes: Uint8Array): number {
  let length = 0
  for (let i = 1; i < Math.min(5, bytes.length); i++) {
    length += (bytes[i]! & 127) * 128 ** (i - 1)
    if (bytes[i]! < 128) return 1 + i + length
  }
  return 0
}
