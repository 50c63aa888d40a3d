import { checkEnd, checkRest, checkRestart, stateOf } from './checks.ts'
import { SimClient, type Surroundings } from './client.ts'
import { History, Violation } from './history.ts'
import { Host, type Saboteur } from './host.ts'
import { type ClientEnd, SimLink } from './network.ts'
import { BROKER, MONITOR, type Operation, type Plan } from './plan.ts'
import { randomOf } from './random.ts'
import { Time } from './time.ts'

/** What came of a run. */
export interface Outcome {
  /** What was wrong, or null. */
  readonly failure: string | null
  readonly story: readonly string[]
  readonly deliveries: number
  readonly crashes: number
}

/** Milliseconds: wills are at most 3 s late, and connections that broke are noted within 3 s. */
const SETTLE_AT_LEAST = 8000
const SETTLE_AT_MOST = 300_000
const STEP_MS = 250
const QUIET_STEPS = 4
/** How long the broker waits for a client to fetch its last bytes, and a bit. */
const LINGER_MS = 12_000

/** Plays a plan, looks whether all is as it should be, and says what was wrong. The same plan gives the same outcome. `told`: with the whole story. */
export function simulate(plan: Plan, saboteur: Saboteur = {}, told = false): Outcome {
  const world = new World(plan, saboteur, told)
  let failure: string | null = null
  try {
    world.play()
  } catch (error) {
    if (!(error instanceof Error)) throw error
    failure = error instanceof Violation ? error.message : (error.stack ?? error.message)
  }
  const { story, history } = world
  return { failure, story, deliveries: history.deliveries, crashes: history.crashes.length }
}

class World implements Surroundings {
  readonly time: Time = new Time()
  readonly history: History = new History()
  readonly seed: number
  readonly maximumInFlight: number
  readonly story: string[] = []
  readonly told: boolean
  readonly #plan: Plan
  readonly #host: Host
  readonly #clients: Map<string, SimClient> = new Map()
  #rough = true

  constructor(plan: Plan, saboteur: Saboteur, told: boolean) {
    this.#plan = plan
    this.told = told
    this.seed = plan.seed
    this.maximumInFlight = plan.maximumInFlight
    this.history.dropsOldest = plan.queueFullPolicy === 'oldest'
    this.#host = new Host(plan, this.time, this.history, saboteur, (words) => this.tell(words))
    this.#host.onLoss = () => this.#forgetAll()
    for (const client of plan.clients) this.#clients.set(client.id, new SimClient(client, this))
  }

  get brokerChanged(): number {
    return this.#host.changed
  }

  tell(words: string): void {
    if (!this.told) return
    const seconds = ((this.time.now - this.time.start) / 1000).toFixed(3)
    this.story.push(`${seconds.padStart(8)}  ${words}`)
  }

  dial(name: string, client: ClientEnd): SimLink | null {
    const host = this.#host
    if (host.broker === null) return null
    const { latency, split, hold } = this.#plan
    const perfect = !this.#rough || name.startsWith(MONITOR)
    const manners = perfect ? { latency: 1, split: 0, hold: 0 } : { latency, split, hold }
    const link = new SimLink(name, this.time, randomOf(this.seed, name), manners, host, client)
    host.accept(link)
    return link
  }

  play(): void {
    const { duration, operations } = this.#plan
    for (const client of this.#clients.values()) client.comeBack()
    for (const operation of operations) this.time.after(operation.at, () => this.#do(operation))
    this.#run(duration)
    this.#rough = false
    this.#host.spare()
    this.tell('From here on all is quiet')
    for (const client of this.#clients.values()) client.hurried = true
    this.#settle(SETTLE_AT_LEAST)
    const clients = [...this.#clients.values()]
    checkRest(this.history, clients, this.#host.broker!.core, this.time)
    this.#restartAtRest()
    this.#endAll(clients)
    this.#run(LINGER_MS)
    checkEnd(this.#host.broker!.core, this.#host.store)
  }

  /** What a broker makes of its disk is what the one before knew. */
  #restartAtRest(): void {
    // Without Wills: those would be published.
    for (const client of this.#clients.values()) client.connect()
    this.#settle(1000)
    const before = stateOf(this.#host.broker!.core)
    this.#host.die('kill', 1)
    this.#run(1)
    checkRestart(before, stateOf(this.#host.broker!.core))
    this.#settle(0)
  }

  #endAll(clients: readonly SimClient[]): void {
    for (const client of clients) client.connect(true)
    this.#settle(0)
    for (const client of clients) {
      client.retired = true
      client.leave('for good')
    }
  }

  #settle(atLeast: number): void {
    const end = this.time.now + SETTLE_AT_MOST
    this.#run(atLeast)
    let quiet = 0
    let packets = 0
    while (quiet < QUIET_STEPS) {
      this.#run(STEP_MS)
      const clients = [...this.#clients.values()]
      const before = packets
      packets = clients.reduce((sum, client) => sum + client.packets, 0)
      const busy = clients.find((client) => !client.idle)
      // A long queue may come one message after the other.
      quiet = busy === undefined && packets === before && this.#host.broker !== null ? quiet + 1 : 0
      if (this.time.now > end) throw new Violation(`${busy?.plan.id ?? BROKER} does not come to rest`)
    }
  }

  /** Some of what was promised is gone, and nobody can know what: everybody begins anew. */
  #forgetAll(): void {
    for (const message of this.history.messages.values()) message.waived = true
    for (const client of this.#clients.values()) client.reset()
  }

  #run(milliseconds: number): void {
    this.time.run(this.time.now + milliseconds, () => this.#host.instantOver())
  }

  #do(operation: Operation): void {
    if (operation.kind === 'kill' || operation.kind === 'power loss') {
      this.#host.doom(operation.kind, operation.steps, operation.down)
      return
    }
    if (operation.kind === 'clock step') {
      this.#host.setClock(operation.by)
      return
    }
    if (operation.kind === 'reconfigure') {
      this.#host.reconfigure(operation.limits)
      return
    }
    const client = this.#clients.get(operation.client)
    if (client === undefined) return
    switch (operation.kind) {
      case 'publish':
        client.publish(operation)
        return
      case 'subscribe':
        client.subscribe(operation)
        return
      case 'unsubscribe':
        client.unsubscribe(operation.filter)
        return
      case 'leave':
        client.leave(operation.how)
        return
      case 'connect again':
        client.connect(operation.clean)
        return
      case 'cut':
        client.cut(operation.brokerNotes)
        return
      case 'read slowly':
        client.link?.idle(operation.milliseconds)
    }
  }
}
