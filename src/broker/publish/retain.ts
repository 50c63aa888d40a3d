import type { Core } from '../core.ts'
import type { Publication } from '../deliver/index.ts'
import type { Message } from '../message/index.ts'
import { Timer, Units } from '../time/index.ts'

/** The message becomes its topic's retained message [MQTT-3.3.1-5], or clears it if its payload is empty [MQTT-3.3.1-6]. */
export function retain(core: Core, publication: Publication): void {
  const { topic } = publication.route!
  core.work.spend(Units.retain)
  const content = publication.content!
  if (content.payloadStart === content.payloadEnd) {
    forget(core, core.retained.delete(topic))
    return
  }
  const message = publication.keep(core, true)
  if (message.expired(core.now)) {
    // Its interval was 0: it takes the place of the one before, and is gone.
    forget(core, core.retained.delete(topic))
    return
  }
  const before = core.retained.set(topic, message)
  if (before !== undefined) supersede(core, before)
  core.metrics.retainedBytes += message.payloadLength
  // The broker's own status is made anew after a restart.
  if (publication.route!.reserved) {
    countStatus(core, before, message)
    return
  }
  isRetained(core, message, true)
  core.append({ kind: 'retained', topic, messageId: core.storedId(message), at: core.now })
  expireLater(core, message, core.now)
}

/**
 * The option by which there is no room to retain a payload of that size; null if it may be retained. An empty one takes
 * away, and always may.
 */
export function retainLimit(core: Core, topic: string, size: number): { option: string; limit: number } | null {
  const { maximumRetainedMessages: messages, maximumRetainedBytes: bytes } = core.settings
  if (size === 0 || (messages === 0 && bytes === 0)) return null
  const { statusTopics, statusBytes, retainedBytes } = core.metrics
  const before = core.retained.get(topic)
  if (messages > 0 && before === undefined && core.retained.size - statusTopics >= messages) {
    return { option: 'max_retained_messages', limit: messages }
  }
  const others = retainedBytes - statusBytes - (before?.payloadLength ?? 0)
  return bytes > 0 && others + size > bytes ? { option: 'max_retained_bytes', limit: bytes } : null
}

/** The broker's own status takes no room from others. */
function countStatus(core: Core, before: Message | undefined, message: Message): void {
  if (before === undefined) core.metrics.statusTopics++
  core.metrics.statusBytes += message.payloadLength - (before?.payloadLength ?? 0)
}

/** After a restart: the message is retained, as the store says, since `at` (0: it does not know since when). */
export function restoreRetained(core: Core, message: Message, at: number): void {
  const before = core.retained.set(message.topic, message)
  if (before !== undefined) supersede(core, before)
  core.metrics.retainedBytes += message.payloadLength
  isRetained(core, message, true)
  expireLater(core, message, at === 0 ? core.now : at)
}

/** Since when a message is retained was never noted: it is from now on, as its time must not begin anew at each start. */
export function dateRetained(core: Core, { topic, id: messageId }: Message): void {
  if (core.settings.retainExpiry > 0) core.append({ kind: 'retained', topic, messageId, at: core.now })
}

function forget(core: Core, message: Message | undefined): void {
  if (message === undefined) return
  supersede(core, message)
  core.append({ kind: 'retainedCleared', topic: message.topic })
}

function supersede(core: Core, message: Message): void {
  message.superseded = true
  isRetained(core, message, false)
  core.metrics.retainedBytes -= message.payloadLength
  if (message.timer !== null) core.wheel.clear(message.timer)
  message.timer = null
}

function isRetained(core: Core, message: Message, retained: boolean): void {
  if (message.retained === retained) return
  message.retained = retained
  if (message.waiting > 0) core.metrics.heldAgain(message, retained ? 1 : -1)
}

function expireLater(core: Core, message: Message, since: number): void {
  const { retainExpiry } = core.settings
  const bySetting = retainExpiry > 0 ? since + retainExpiry * 1000 : 0
  const due = message.expiresAt === 0 ? bySetting : message.expiresAt
  if (due === 0) return
  message.timer = new RetainedTimer(core, message)
  core.wheel.set(message.timer, due)
}

class RetainedTimer extends Timer {
  readonly #core: Core
  readonly #message: Message

  constructor(core: Core, message: Message) {
    super()
    this.#core = core
    this.#message = message
  }

  fire(): void {
    const { topic, superseded } = this.#message
    if (!superseded) forget(this.#core, this.#core.retained.delete(topic))
  }
}
