/**
 * What subscriptions, matches and retained topics cost, and how that grows: prints markdown tables, takes half a minute.
 *
 *     npx tsc --outDir .build/bench && node --expose-gc --max-old-space-size=4096 .build/bench/bench/topics.js
 */
import {
  MatchCache,
  type Matches,
  parseTopicFilter,
  RetainedIndex,
  SubscriptionIndex,
  type TopicFilter,
} from '../src/topics/index.ts'

const SIZES = [10_000, 100_000, 1_000_000]
const MATCHES = 200_000
const SEED = { start: 0x5eed, end: 0xda }

const encoder = new TextEncoder()
const decoder = new TextDecoder()

interface Costs {
  /** Microseconds. */
  each: number
  /** Milliseconds of the slowest thousand: shows pauses, those of the garbage collector too. */
  worst: number
}

function heapUsed(): number {
  globalThis.gc?.()
  globalThis.gc?.()
  return process.memoryUsage().heapUsed + process.memoryUsage().arrayBuffers
}

/** Runs `step` that often, in thousands, and says what one took. */
function timed(times: number, step: (i: number) => void): Costs {
  let worst = 0
  const begin = performance.now()
  for (let i = 0; i < times; ) {
    const from = performance.now()
    const until = Math.min(times, i + 1000)
    for (; i < until; i++) step(i)
    worst = Math.max(worst, performance.now() - from)
  }
  return { each: ((performance.now() - begin) * 1000) / times, worst }
}

/** Numbers below `limit` in a fixed order that looks like none. */
function shuffled(limit: number): (i: number) => number {
  return (i) => (Math.imul(i + 1, 0x9e3779b1) >>> 0) % limit
}

/** A text put together from pieces stays in pieces until somebody looks into it: that must not be counted as ours. */
function flat(text: string): string {
  return decoder.decode(encoder.encode(text))
}

function parsed(source: string): TopicFilter {
  const filter = parseTopicFilter(flat(source), { starWildcard: true, sysAlias: true })
  if ('error' in filter) throw new Error(filter.error)
  return filter
}

function table(title: string, head: string[], rows: (string | number)[][]): void {
  const line = (cells: (string | number)[]) =>
    `| ${cells.map((cell) => (typeof cell === 'number' ? round(cell) : cell)).join(' | ')} |`
  console.log(`\n### ${title}\n\n${line(head)}\n${line(head.map(() => '---'))}\n${rows.map(line).join('\n')}`)
}

function round(value: number): string {
  if (value >= 1000) return Math.round(value).toLocaleString('en')
  return value >= 100 ? value.toFixed(0) : value >= 1 ? value.toFixed(1) : value.toFixed(3)
}

interface Client {
  id: number
}

function wildcardFilter(i: number, devices: number): TopicFilter {
  const device = `device${i % devices}`
  return parsed([`${device}/#`, `${device}/+/v`, `+/${device}/v`][Math.floor(i / devices) % 3]!)
}

function subscriptions(
  kind: string,
  size: number,
  filterOf: (i: number) => TopicFilter,
  topicOf: (i: number) => string,
) {
  const filters = Array.from({ length: size }, (_, i) => filterOf(i))
  const clients: Client[] = filters.map((_, id) => ({ id }))
  const topics = Array.from({ length: MATCHES }, (_, i) => flat(topicOf(shuffled(size)(i))))
  const before = heapUsed()
  const index = new SubscriptionIndex<Client>(SEED)
  const add = timed(size, (i) => index.add(filters[i]!, clients[i]!))
  const bytes = (heapUsed() - before) / size
  let found = 0
  const match = timed(MATCHES, (i) => {
    const result: Matches<Client> = { direct: [], shared: [] }
    index.match(topics[i]!, result)
    found += result.direct.length
  })
  const miss = timed(MATCHES, (i) => index.match(`nobody/${i}/x`, { direct: [], shared: [] }))
  const remove = timed(size, (i) => index.remove(filters[i]!, clients[i]!))
  if (index.nodes !== 0) throw new Error('something was left behind')
  return [kind, size, add.each, add.worst, bytes, match.each, found / MATCHES, miss.each, remove.each]
}

function benchSubscriptions(): void {
  const rows = SIZES.map((size) => {
    const devices = Math.max(1000, size / 10)
    const topicOf = (i: number) => `device${i % devices}/x/v`
    return subscriptions('`x/#`, `x/+/v`, `+/x/v`', size, (i) => wildcardFilter(i, devices), topicOf)
  })
  const literal = (i: number) => `site/device${i}/temperature`
  rows.push(...SIZES.map((size) => subscriptions('`site/x/temperature`', size, (i) => parsed(literal(i)), literal)))
  table(
    'Subscriptions',
    [
      'filters',
      'how many',
      'us an add',
      'ms the slowest 1000 adds',
      'bytes each',
      'us a match',
      'found',
      'us a match of nothing',
      'us a removal',
    ],
    rows,
  )
}

function benchBusyTopic(): void {
  const rows = ['alarm', 'alarm/#', '$share/group/alarm'].map((source) => {
    const filter = parsed(source)
    const clients: Client[] = Array.from({ length: 100_000 }, (_, id) => ({ id }))
    const before = heapUsed()
    const index = new SubscriptionIndex<Client>(SEED)
    const add = timed(clients.length, (i) => index.add(filter, clients[i]!))
    const bytes = (heapUsed() - before) / clients.length
    const match = timed(100, () => index.match('alarm', { direct: [], shared: [] }))
    const remove = timed(clients.length, (i) => index.remove(filter, clients[i]!))
    return [`\`${source}\``, add.each, bytes, match.each, remove.each]
  })
  table('100,000 clients on one filter', ['filter', 'us an add', 'bytes each', 'us a match', 'us a removal'], rows)
}

/** Topics as they lie in a read buffer, one after the other. */
class Names {
  readonly bytes: Uint8Array
  readonly starts: number[] = [0]

  constructor(count: number, nameOf: (i: number) => string) {
    this.bytes = encoder.encode(Array.from({ length: count }, (_, i) => nameOf(i)).join(''))
    for (let i = 0; i < count; i++) this.starts.push(this.starts[i]! + nameOf(i).length)
  }
}

function benchCache(): void {
  const times = 3_000_000
  const rows = [1000, 50_000].map((size) => {
    const kept = new Names(size, (i) => `site/building/device${i}/temperature`)
    const unknown = new Names(size, (i) => `site/building/device${i}/humidity`)
    const passing = new Names(500_000, (i) => `site/floor/device${i}/temperature`)
    const before = heapUsed()
    const cache = new MatchCache<Client>({ seed: SEED, maxEntries: 65_536, maxBytes: 8 << 20 })
    const fill =
      ({ bytes, starts }: Names) =>
      (i: number) =>
        cache.set(bytes, starts[i]!, starts[i + 1]!, { id: i })
    const set = timed(size, fill(kept))
    const bytes = (heapUsed() - before) / size
    const order = shuffled(size)
    let hits = 0
    const look = ({ bytes, starts }: Names) =>
      timed(times, (i) => {
        const at = order(i)
        if (cache.get(bytes, starts[at]!, starts[at + 1]!) !== undefined) hits++
      })
    look(kept)
    hits = 0
    const hit = look(kept)
    const rate = `${((100 * hits) / times).toFixed(1)} %`
    const miss = look(unknown)
    const churn = timed(500_000, fill(passing))
    return [size, set.each, bytes, hit.each * 1000, rate, miss.each * 1000, churn.each]
  })
  table(
    'Match cache of 65,536: topics of about 35 bytes',
    ['topics', 'us a set', 'bytes each', 'ns a hit', 'kept', 'ns a miss', 'us a set that pushes another out'],
    rows,
  )
}

function benchRetained(): void {
  const adds: (string | number)[][] = []
  const queries: (string | number)[][] = []
  for (const size of SIZES) {
    const devices = size / 10
    const topics = Array.from({ length: size }, (_, i) =>
      flat(`site/device${i % devices}/sensor${Math.floor(i / devices)}`),
    )
    const values: Client[] = topics.map((_, id) => ({ id }))
    const before = heapUsed()
    const index = new RetainedIndex<Client>(SEED)
    const set = timed(size, (i) => index.set(topics[i]!, values[i]!))
    const bytes = (heapUsed() - before) / size
    const again = timed(MATCHES, (i) => index.set(topics[shuffled(size)(i)]!, values[i % size]!))
    for (const [filter, times] of [
      ['site/device7/sensor7', 20_000],
      ['site/device7/+', 20_000],
      ['+/device7/#', 20_000],
      ['site/+/sensor3', 3],
      ['#', 3],
    ] as const) {
      let found = 0
      const match = timed(times, () => index.match(filter, () => found++))
      queries.push([size, `\`${filter}\``, found / times, match.each, (match.each * times) / Math.max(1, found)])
    }
    const remove = timed(size, (i) => index.delete(topics[i]!))
    if (index.nodes !== 0) throw new Error('something was left behind')
    adds.push([size, set.each, set.worst, bytes, again.each, remove.each])
  }
  const head = ['topics', 'us a set', 'ms the slowest 1000', 'bytes each', 'us to replace', 'us a delete']
  table('Retained topics `site/deviceN/sensorN`, ten sensors a device', head, adds)
  table('Retained topics that match a filter', ['topics', 'filter', 'found', 'us', 'us each found'], queries)
}

if (globalThis.gc === undefined) console.log('(without --expose-gc the bytes mean nothing)')
console.log("Bytes are those of the index: topics, filters and values are the caller's and were there before.")
benchSubscriptions()
benchBusyTopic()
benchCache()
benchRetained()
