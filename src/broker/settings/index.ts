/**
 * What the core can be told: the settings that have options, those of a listener and of its Sessions, and the bounds that
 * have none. Values only; who acts on one stands where it is acted on.
 */

export { type Bounds, defaultBounds } from './bounds.ts'
export { Listener, type ListenerTerms, limitsOf } from './listener.ts'
export {
  defaultListener,
  defaultSettings,
  type FixedSettings,
  type ListenerSettings,
  type SessionLimits,
  type Settings,
} from './settings.ts'
