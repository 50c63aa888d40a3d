import { publishRateOf } from './connection/index.ts'
import type { Connection } from './connection.ts'
import type { Core } from './core.ts'
import { type FixedSettings, limitsOf, type Settings } from './settings/index.ts'
import { type Job, Units } from './time/index.ts'

/** A setting that stays as it is, though another value was asked for. */
export interface Kept {
  readonly setting: keyof FixedSettings
  /** Why, for people. */
  readonly reason: string
}

/** What cannot change, and why. */
const FIXED: Readonly<Record<keyof FixedSettings, string>> = {
  version: 'it is the version of the program that runs',
  maximumProperties: 'those who are connected were told so',
  starWildcard: 'subscriptions that are there were made by what it was',
  sysAlias: 'subscriptions that are there were made by what it was',
  bounds: 'what they bound was made by them',
}

/**
 * Other settings hold from now on; what is not among them stays. What a client was told at its CONNECT holds for its
 * connection. Returns what cannot change as long as the broker runs.
 */
export function reconfigure(core: Core, wanted: Partial<Settings>): Kept[] {
  const { settings } = core
  const kept: Kept[] = []
  const changes: Partial<Settings> = { ...wanted }
  for (const setting of Object.keys(FIXED) as (keyof FixedSettings)[]) {
    const differs = setting in wanted && !same(settings[setting], wanted[setting])
    if (differs) kept.push({ setting, reason: FIXED[setting] })
    delete changes[setting]
  }
  Object.assign(settings, changes)
  Object.assign(core.limits, limitsOf(settings))
  for (const listener of core.listeners) listener.update(settings)
  const rates = new PublishRates(core)
  if (!rates.step()) core.work.add(rates)
  return kept
}

/** Bounds are many in one object. */
function same(one: unknown, other: unknown): boolean {
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null) return one === other
  const theirs = other as Record<string, unknown>
  return Object.entries(one).every(([name, value]) => theirs[name] === value)
}

/** Who publishes is measured by the new rates. */
class PublishRates implements Job {
  readonly #core: Core
  readonly #left: Iterator<Connection>

  constructor(core: Core) {
    this.#core = core
    this.#left = core.connections.values()
  }

  step(): boolean {
    for (let next = this.#left.next(); !next.done; next = this.#left.next()) {
      const connection = next.value
      if (connection.session === null) continue
      connection.publishRate?.stop()
      connection.publishRate = publishRateOf(connection)
      if (!this.#core.work.spend(Units.unsubscribe)) return false
    }
    return true
  }
}
