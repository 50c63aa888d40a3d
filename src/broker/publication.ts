import type { PublishContent, PublishView, QoS } from '../protocol/index.ts'
import type { Core } from './core.ts'
import type { Message } from './message.ts'
import type { Route } from './route.ts'

/** An Application Message on its way through the broker: where it lies, and its kept form once somebody needs that. */
export class Publication {
  /** What is written to subscribers: the view in the read buffer, or the kept message. */
  content: PublishContent | null = null
  route: Route | null = null
  qos: QoS = 0
  retain = false
  /** Milliseconds; 0 means never. */
  expiresAt = 0
  /** Client Identifier, or null. */
  publisher: string | null = null
  #view: PublishView | null = null
  #message: Message | null = null

  /** A PUBLISH as it lies in the read buffer. */
  ofView(core: Core, view: PublishView, route: Route, publisher: string | null): void {
    this.route = route
    this.qos = view.qos
    this.retain = view.retain
    this.expiresAt = view.messageExpiryInterval < 0 ? 0 : core.now + view.messageExpiryInterval * 1000
    this.publisher = publisher
    this.#view = view
    // One object serves all: if handling the last message threw, its copy is still here.
    this.#message = null
    // An alias, an expiry or an identifier must not be passed on as it came: then the cleaned copy is what is sent.
    this.content = view
    // So is a large one that several get: it is copied once, and sent to each from where it lies.
    const large = view.payloadEnd - view.payloadStart >= core.pool.referredBytes
    const several = large && route.direct.length + route.shared.length > 1
    if (!view.propertiesForwardable || several) this.content = this.keep(core, view.retain || several)
  }

  ofMessage(message: Message, route: Route): void {
    this.route = route
    this.qos = message.qos
    this.retain = message.retain
    this.expiresAt = message.expiresAt
    this.publisher = message.publisher
    this.#message = message
    this.content = message
  }

  /** The message, kept: copied from the read buffer the first time. See MessageKeeper for `lasting`. */
  keep(core: Core, lasting: boolean): Message {
    if (this.#message === null) {
      const { topic, topicBytes } = this.route!
      this.#message = core.keeper.keep(this.#view!, topic, topicBytes, lasting, this.expiresAt, this.publisher)
    } else if (lasting) this.#message.settle()
    return this.#message
  }

  clear(): void {
    this.content = null
    this.route = null
    this.publisher = null
    this.#view = null
    this.#message = null
  }
}
