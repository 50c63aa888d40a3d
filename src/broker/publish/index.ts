/**
 * A message comes in: a PUBLISH (QoS 2 seen before, Topic Alias), a Will, or one from the broker itself; it becomes the
 * retained message of its topic.
 */

export { knownRoute, onPublish } from './publish.ts'
export { publishMessage } from './publish-message.ts'
export { dateRetained, restoreRetained } from './retain.ts'
export { publishWill, takeWill, willOf } from './will.ts'
