import type { PublishExtras } from '../../protocol/index.ts'
import type { Core } from '../core.ts'
import type { Delivery } from './delivery.ts'

/** What a PUBLISH to an MQTT 5.0 client carries beyond its message, or null. */
export function extrasOf(core: Core, { identifiers, expiresAt }: Delivery): PublishExtras | null {
  if (identifiers === null && expiresAt === 0) return null
  const extras = noExtras(core)
  extras.subscriptionIdentifiers = identifiers
  extras.messageExpiryInterval = expiresAt === 0 ? -1 : Math.max(0, Math.ceil((expiresAt - core.now) / 1000))
  return extras
}

/** An object of the core's that stands for none. */
export function noExtras({ spareExtras }: Core): PublishExtras {
  spareExtras.messageExpiryInterval = -1
  spareExtras.subscriptionIdentifiers = null
  spareExtras.topicAlias = 0
  spareExtras.omitTopic = false
  return spareExtras
}
