import type { PublishContent, PublishView, QoS } from '../../protocol/index.ts'
import type { Core } from '../core.ts'
import { BROKER, type Message, type Origin } from '../message/index.ts'
import type { Route } from '../route/index.ts'
import type { Delivery } from './delivery.ts'

/** An Application Message on its way through the broker: where it lies, and its kept form once somebody needs that. */
export class Publication {
  /** What is written to subscribers: the view in the read buffer, or the kept message. */
  content: PublishContent | null = null
  route: Route | null = null
  qos: QoS = 0
  retain = false
  /** Milliseconds; 0 means never. */
  expiresAt = 0
  origin: Origin = BROKER
  #view: PublishView | null = null
  #message: Message | null = null

  /** A PUBLISH as it lies in the read buffer. */
  ofView(core: Core, view: PublishView, route: Route, origin: Origin): void {
    this.route = route
    this.qos = view.qos
    this.retain = view.retain
    this.expiresAt = view.messageExpiryInterval < 0 ? 0 : core.now + view.messageExpiryInterval * 1000
    this.origin = origin
    this.#view = view
    // One object serves all: if handling the last message threw, its copy is still here.
    this.#message = null
    this.content = view
    // An alias, an expiry or an identifier must not be passed on as it came. One in the midst of others makes a copy necessary.
    view.propertiesStart = view.forwardStart
    view.propertiesEnd = view.forwardEnd
    // A large one that several get is copied once, too, and sent to each from where it lies.
    const large = view.payloadEnd - view.payloadStart >= core.pool.referredBytes
    const several = large && route.direct.length + route.shared.length > 1
    if (!view.forwardInOne || several) this.content = this.keep(core, view.retain || several)
  }

  ofMessage(message: Message, route: Route): void {
    this.route = route
    this.qos = message.qos
    this.retain = message.retain
    this.expiresAt = message.expiresAt
    this.origin = message.origin
    this.#message = message
    this.content = message
  }

  /** What is the same for all who get it. */
  begin(delivery: Delivery): void {
    delivery.content = this.content!
    delivery.topic = this.route!.topic
    delivery.expiresAt = this.expiresAt
  }

  /** The message, kept: copied from the read buffer the first time. See MessageKeeper for `lasting`. */
  keep(core: Core, lasting: boolean): Message {
    if (this.#message === null) {
      this.#message = core.keeper.keep(this.#view!, this.route!.topic, lasting, this.origin)
      this.#message.expiresAt = this.expiresAt
    } else if (lasting) this.#message.settle()
    return this.#message
  }

  clear(): void {
    this.content = null
    this.route = null
    this.origin = BROKER
    this.#view = null
    this.#message = null
  }
}
