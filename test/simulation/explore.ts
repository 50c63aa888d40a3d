import { type Bounds, defaultBounds } from '../../src/broker/index.ts'
import { boundsInWords } from './bounds.ts'
import type { Saboteur } from './host.ts'
import { MONITOR, makePlan, type Plan } from './plan.ts'
import { simulate } from './world.ts'

export interface Finding {
  readonly seed: number
  /** What was wrong, in the run of the whole plan. */
  readonly failure: string
}

export interface Exploration {
  readonly seeds: number
  readonly deliveries: number
  readonly crashes: number
  readonly milliseconds: number
  readonly finding: Finding | null
}

interface ExploreOptions {
  /** Ends it earlier. What a test finds must not depend on the machine, so this is for `npm run sim`. */
  readonly milliseconds?: number
  readonly saboteur?: () => Saboteur
}

/** Plays one seed after the other, until one fails or there were `count`. */
export function explore(
  from: number,
  count: number,
  { milliseconds = Number.POSITIVE_INFINITY, saboteur = () => ({}) }: ExploreOptions = {},
): Exploration {
  const began = Date.now()
  let seeds = 0
  let deliveries = 0
  let crashes = 0
  let finding: Finding | null = null
  while (finding === null && seeds < count && Date.now() - began < milliseconds) {
    const seed = from + seeds++
    const outcome = simulate(makePlan(seed), saboteur())
    deliveries += outcome.deliveries
    crashes += outcome.crashes
    if (outcome.failure !== null) finding = { seed, failure: outcome.failure }
  }
  return { seeds, deliveries, crashes, milliseconds: Date.now() - began, finding }
}

/** The shortest story found within the time that ends badly too, in plain words, and how to have it again. */
export function storyOf(seed: number, milliseconds: number, saboteur: () => Saboteur = () => ({})): string {
  const whole = makePlan(seed)
  const plan = shrink(whole, (smaller) => simulate(smaller, saboteur()).failure !== null, Date.now() + milliseconds)
  const { story, failure } = simulate(plan, saboteur(), true)
  return [
    `Seed ${seed}, with ${plan.operations.length} of ${whole.operations.length} operations:`,
    boundsInWords(plan.bounds),
    ...story,
    `FAILED: ${failure}`,
    `To have it again: npm run sim -- --seed ${seed}`,
  ].join('\n')
}

/** Leaves out clients and operations, as long as it still fails. */
function shrink(plan: Plan, fails: (plan: Plan) => boolean, deadline: number): Plan {
  let smallest = plan
  const attempt = (smaller: Plan): boolean => {
    if (Date.now() > deadline || !fails(smaller)) return false
    smallest = smaller
    return true
  }
  for (const { id } of plan.clients) {
    if (smallest.clients.length === 1) break
    const clients = smallest.clients.filter((client) => client.id !== id)
    attempt({ ...smallest, clients, operations: smallest.operations.filter(({ client }) => client !== id) })
  }
  let size = Math.ceil(smallest.operations.length / 2)
  while (size > 0) {
    for (let at = smallest.operations.length - 1; at >= 0; at -= size) {
      const from = Math.max(0, at + 1 - size)
      const operations = smallest.operations.filter((_, i) => i < from || i > at)
      attempt({ ...smallest, operations })
    }
    size = size === 1 ? 0 : Math.ceil(size / 2)
  }
  attempt({ ...smallest, bounds: defaultBounds })
  for (const name of Object.keys(defaultBounds) as (keyof Bounds)[]) {
    attempt({ ...smallest, bounds: { ...smallest.bounds, [name]: defaultBounds[name] } })
  }
  // Calmer: nobody notes the time when nothing is late.
  attempt({ ...smallest, latency: 1, split: 0, hold: 0 })
  attempt({ ...smallest, clients: smallest.clients.map((client) => ({ ...client, wills: 0, keepAlive: 0 })) })
  attempt({ ...smallest, clients: smallest.clients.filter(({ id }) => id !== MONITOR) })
  return smallest
}
