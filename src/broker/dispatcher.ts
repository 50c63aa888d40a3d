import {
  type AcknowledgementPacket,
  type ControlPacket,
  type PacketHandler,
  PacketType,
  type Properties,
  type PublishView,
  ReasonCode,
} from '../protocol/index.ts'
import { onAuth, onConnect } from './connect/index.ts'
import { fail, onDisconnect, Phase, unexpected } from './connection/index.ts'
import type { Connection } from './connection.ts'
import type { Core } from './core.ts'
import { onAcknowledgement } from './deliver/index.ts'
import { knownRoute, onPublish } from './publish/index.ts'
import { onSubscribe, onUnsubscribe } from './subscribe/index.ts'

/** Who handles which packet of a client, and whether the packet may come now. */
export class Dispatcher implements PacketHandler {
  readonly #core: Core
  readonly #connection: Connection

  constructor(connection: Connection) {
    this.#core = connection.core
    this.#connection = connection
  }

  knownTopic(bytes: Uint8Array, start: number, end: number): boolean {
    return knownRoute(this.#core, this.#connection, bytes, start, end)
  }

  onPublish(view: PublishView): void {
    this.#core.metrics.messagesReceived++
    if (this.#connection.phase === Phase.Open) onPublish(this.#core, this.#connection, view)
    else unexpected(this.#connection, 'PUBLISH')
  }

  onAcknowledgement(
    type: AcknowledgementPacket['type'],
    packetId: number,
    reasonCode: number,
    _properties: Properties | null,
  ): void {
    this.#core.metrics.messagesReceived++
    if (this.#connection.phase === Phase.Open)
      onAcknowledgement(this.#core, this.#connection, type, packetId, reasonCode)
    else unexpected(this.#connection, 'an acknowledgement')
  }

  onPacket(packet: ControlPacket): void {
    this.#core.metrics.messagesReceived++
    if (packet.type === PacketType.Connect) {
      if (this.#connection.phase === Phase.AwaitingConnect) onConnect(this.#core, this.#connection, packet)
      else unexpected(this.#connection, 'a second CONNECT')
      return
    }
    if (this.#connection.phase !== Phase.Open) {
      this.#duringExchange(packet)
      return
    }
    switch (packet.type) {
      case PacketType.Subscribe:
        onSubscribe(this.#core, this.#connection, packet)
        break
      case PacketType.Unsubscribe:
        onUnsubscribe(this.#core, this.#connection, packet)
        break
      case PacketType.Pingreq:
        this.#connection.reply(PINGRESP)
        break
      case PacketType.Disconnect:
        onDisconnect(this.#core, this.#connection, packet)
        break
      case PacketType.Auth:
        onAuth(this.#core, this.#connection, packet)
        break
      default:
        fail(this.#connection, ReasonCode.ProtocolError, 'a packet that only a server may send')
    }
  }

  /** After CONNECT and before CONNACK the client may send AUTH and DISCONNECT only [MQTT-3.1.2-30]. */
  #duringExchange(packet: ControlPacket): void {
    if (this.#connection.phase !== Phase.Authenticating) unexpected(this.#connection, 'a packet')
    else if (packet.type === PacketType.Auth) onAuth(this.#core, this.#connection, packet)
    else if (packet.type === PacketType.Disconnect) this.#connection.finish('it gave up its authentication', false)
    else unexpected(this.#connection, 'a packet')
  }
}

const PINGRESP: Uint8Array = Uint8Array.of(0xd0, 0)
