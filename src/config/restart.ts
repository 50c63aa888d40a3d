import type { Config } from './config.ts'
import type { Option } from './option.ts'
import { generalOptions, listenerOptions } from './options.ts'

/** What makes a listener another one, and not the same with another value. */
const PLACE: readonly string[] = ['port', 'bindAddress']

/**
 * The options that have another value in `after` than in `before`, and for which that needs a restart; those of a listener are
 * compared where both have it. In the order of the tables, each once.
 */
export function needRestart(before: Config, after: Config): string[] {
  const names = differing(generalOptions, before.general, after.general)
  for (const now of after.listeners) {
    const then = before.listeners.find(({ port, bindAddress }) => port === now.port && bindAddress === now.bindAddress)
    if (then !== undefined) names.push(...differing(listenerOptions, then, now))
  }
  return [...new Set(names)]
}

function differing(options: object, before: object, after: object): string[] {
  const [then, now] = [before as Record<string, unknown>, after as Record<string, unknown>]
  return Object.entries(options as Record<string, Option<unknown>>)
    .filter(([key, { reloadable }]) => !reloadable && !PLACE.includes(key))
    .filter(([key, { type }]) => type.show(then[key]) !== type.show(now[key]))
    .map(([, { name }]) => name)
}
