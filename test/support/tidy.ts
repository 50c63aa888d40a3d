/**
 * The rules of the house that neither the compiler nor the linter can hold. Each takes sources as text, so that the rules
 * themselves can be tested, and returns what is wrong in words that say what to do instead.
 */

export interface Source {
  /** Path in the tree, with slashes. */
  path: string
  text: string
}

export interface Finding {
  path: string
  line: number
  message: string
}

/**
 * A file imports only from its own folder, from a floor in `0..reach`, and from the folders in `also`. With `contracts`
 * it may also take types from src/broker/contracts.ts, where the core declares what it is handed.
 */
interface Floor {
  floor: number
  reach: number
  also?: readonly string[]
  contracts?: boolean
  /** It is as pure as floors 0 to 3 are. */
  pure?: boolean
}

const FLOORS: Readonly<Record<string, Floor>> = {
  protocol: { floor: 0, reach: -1 },
  config: { floor: 0, reach: -1 },
  arguments: { floor: 0, reach: -1 },
  topics: { floor: 1, reach: 0 },
  session: { floor: 2, reach: 1 },
  broker: { floor: 3, reach: 2 },
  transport: { floor: 4, reach: 0, contracts: true, pure: true },
  'transport/node': { floor: 4, reach: 0, also: ['transport'], contracts: true },
  store: { floor: 4, reach: 1, contracts: true },
  access: { floor: 4, reach: 1, contracts: true },
  client: { floor: 4, reach: 2, also: ['transport', 'transport/node'] },
  bridge: { floor: 5, reach: 4 },
  admin: { floor: 5, reach: 4 },
  cluster: { floor: 5, reach: 4 },
  server: { floor: 6, reach: 5 },
  /** src/index.ts, the door of the package. */
  '': { floor: 7, reach: 6 },
  cli: { floor: 7, reach: 6 },
}

const PURE_FLOORS = 3
const CONTRACTS = 'src/broker/contracts.ts'

interface Import {
  target: string
  typesOnly: boolean
  line: number
}

const IMPORT =
  /^[ \t]*(?:import|export)\b([^'";]*?)\bfrom\s*'([^']+)'|^[ \t]*import\s*'([^']+)'|\bimport\(\s*'([^']+)'\s*\)/gm

function importsOf(source: Source): Import[] {
  const found: Import[] = []
  for (const match of source.text.matchAll(IMPORT)) {
    const target = match[2] ?? match[3] ?? match[4]!
    found.push({ target, typesOnly: /^\s*type\b/.test(match[1] ?? ''), line: lineAt(source.text, match.index) })
  }
  return found
}

function lineAt(text: string, index: number): number {
  return text.slice(0, index).split('\n').length
}

function folderOf(path: string): string {
  const parts = path.split('/')
  const nested = parts.slice(1, 3).join('/')
  if (parts.length > 3 && nested in FLOORS) return nested
  return parts.length > 2 ? parts[1]! : ''
}

function resolve(from: string, target: string): string {
  const parts = from.split('/').slice(0, -1)
  for (const part of target.split('/')) {
    if (part === '..') parts.pop()
    else if (part !== '.') parts.push(part)
  }
  return parts.join('/')
}

/** Upward imports, imports past a folder's door, folders that the table does not know. */
export function checkFloors(sources: readonly Source[]): Finding[] {
  const findings: Finding[] = []
  for (const source of sources) {
    const folder = folderOf(source.path)
    const floor = FLOORS[folder]
    if (floor === undefined) {
      const message = `src/${folder} stands on no floor: add it to FLOORS in test/support/tidy.ts`
      findings.push({ path: source.path, line: 1, message })
      continue
    }
    for (const { target, typesOnly, line } of importsOf(source)) {
      if (!target.startsWith('.')) continue
      const message = judgeImport(folder, floor, resolve(source.path, target), typesOnly)
      if (message !== null) findings.push({ path: source.path, line, message })
    }
  }
  return findings
}

function judgeImport(folder: string, floor: Floor, path: string, typesOnly: boolean): string | null {
  if (!path.startsWith('src/')) return `imports ${path}: src imports only from src`
  const other = folderOf(path)
  if (other === folder) return null
  if (path === CONTRACTS && floor.contracts === true) {
    return typesOnly ? null : `takes more than types from ${CONTRACTS}: write 'import type'`
  }
  const target = FLOORS[other]
  const may = target !== undefined && (target.floor <= floor.reach || floor.also?.includes(other) === true)
  if (!may) {
    const allowed = Object.keys(FLOORS).filter((f) => FLOORS[f]!.floor <= floor.reach || floor.also?.includes(f))
    return `imports ${path}, but src/${folder} may import only from ${allowed.join(', ') || 'nothing'}: hand it in instead`
  }
  if (path !== `src/${other}/index.ts`) return `imports ${path}: import from its door, src/${other}/index.ts`
  return null
}

/** Circles of imports; those of types alone vanish when compiled and do not count. */
export function checkCircles(sources: readonly Source[], withTypes = false): Finding[] {
  const graph = new Map<string, Import[]>()
  for (const source of sources) {
    const edges = importsOf(source).filter((i) => i.target.startsWith('.') && (withTypes || !i.typesOnly))
    graph.set(
      source.path,
      edges.map((edge) => ({ ...edge, target: resolve(source.path, edge.target) })),
    )
  }
  const findings: Finding[] = []
  const done = new Set<string>()
  const walk = (path: string, trail: string[]): void => {
    if (done.has(path)) return
    for (const { target, line } of graph.get(path) ?? []) {
      const start = [...trail, path].indexOf(target)
      if (start >= 0) {
        const circle = [...[...trail, path].slice(start), target].join(' -> ')
        findings.push({ path, line, message: `closes a circle: ${circle}; move what both need to a third file` })
      } else walk(target, [...trail, path])
    }
    done.add(path)
  }
  for (const path of graph.keys()) walk(path, [])
  return findings
}

/**
 * The rooms of src/broker, from the ground up: each imports from those before it, through their doors. What stands beside
 * the rooms ties them together: it may import from all of them, and they know only its types.
 */
const ROOMS = [
  ...['settings', 'time', 'events', 'message', 'sessions', 'route', 'rules', 'connection', 'deliver', 'publish'],
  ...['subscribe', 'end', 'connect', 'status'],
]
/** Types that a room takes from one above it, and why. */
const TYPES_FROM_ABOVE: Readonly<Record<string, string>> = {
  'sessions from deliver': 'a Session and its subscriptions remember the retained messages that they are owed (Replay)',
}

function roomOf(path: string): string | null {
  return /^src\/broker\/([^/]+)\/[^/]+$/.exec(path)?.[1] ?? null
}

/** Imports between the rooms of the broker that go up, or past a door. */
export function checkRooms(sources: readonly Source[]): Finding[] {
  const findings: Finding[] = []
  for (const source of sources.filter(({ path }) => path.startsWith('src/broker/'))) {
    const room = roomOf(source.path)
    for (const { target, typesOnly, line } of importsOf(source)) {
      if (!target.startsWith('.')) continue
      const path = resolve(source.path, target)
      const message = path.startsWith('src/broker/') ? judgeRoom(room, path, typesOnly) : null
      if (message !== null) findings.push({ path: source.path, line, message })
    }
  }
  return findings
}

function judgeRoom(room: string | null, path: string, typesOnly: boolean): string | null {
  const other = roomOf(path)
  if (other === room) return null
  if (other === null) return typesOnly ? null : `takes more than types from ${path}, which stands above all rooms`
  if (!ROOMS.includes(other)) return `src/broker/${other} is no room: add it to ROOMS in test/support/tidy.ts`
  if (path !== `src/broker/${other}/index.ts`)
    return `imports ${path}: import from its door, src/broker/${other}/index.ts`
  if (room === null || ROOMS.indexOf(other) < ROOMS.indexOf(room)) return null
  if (typesOnly && `${room} from ${other}` in TYPES_FROM_ABOVE) return null
  return `imports from ${other}, a room above ${room}: move what both need down`
}

interface Ban {
  pattern: RegExp
  message: string
}

const PLATFORM_CODEC: Ban = {
  pattern: /(?<![\w$.#])(?:TextEncoder|TextDecoder)\b/,
  message: 'uses a platform codec: use Text',
}
/** The one file that may: it makes a Text of it. */
const CODEC = 'src/transport/text.ts'

const IMPURE: readonly Ban[] = [
  { pattern: /(?<![\w$.#])Date\b(?=\s*[.(])|\bnew Date\b/, message: 'reads the clock: take `now` as an argument' },
  { pattern: /\bperformance\s*\.\s*now\b/, message: 'reads the clock: take `now` as an argument' },
  { pattern: /\bMath\s*\.\s*random\b/, message: 'rolls dice: take the Random of src/broker/contracts.ts' },
  {
    pattern: /(?<![\w$.#])(?:setTimeout|setInterval|setImmediate|queueMicrotask)\b/,
    message: 'starts a timer: let the caller drive it by tick(now)',
  },
  { pattern: /(?<![\w$.#])process\s*(?:\.|\[)/, message: 'touches the process: let src/server do it' },
  { pattern: /(?<![\w$.#])Buffer\b/, message: 'uses Buffer: use Uint8Array, and Text for strings' },
  PLATFORM_CODEC,
  { pattern: /(?<![\w$.#])console\s*\./, message: 'prints: report an event of src/broker/events/events.ts' },
  { pattern: /(?<![\w$.#])globalThis\b/, message: 'reaches for globals: take what is needed as an argument' },
]

/** What floors 0 to 3, and other pure folders, must not touch: clock, timers, randomness, the platform. */
export function checkPurity(sources: readonly Source[]): Finding[] {
  const findings: Finding[] = []
  for (const source of sources) {
    const floor = FLOORS[folderOf(source.path)]
    if (floor === undefined || (floor.floor > PURE_FLOORS && floor.pure !== true)) continue
    const code = { path: source.path, text: blankComments(source.text) }
    findings.push(...ban(code, source.path === CODEC ? IMPURE.filter((one) => one !== PLATFORM_CODEC) : IMPURE))
    for (const { target, line } of importsOf(source)) {
      if (target.startsWith('.')) continue
      const message = `imports '${target}': floors 0 to ${PURE_FLOORS} are handed what they need from outside`
      findings.push({ path: source.path, line, message })
    }
  }
  return findings
}

function ban(source: Source, bans: readonly Ban[]): Finding[] {
  const findings: Finding[] = []
  for (const [index, text] of source.text.split('\n').entries()) {
    for (const { pattern, message } of bans) {
      if (pattern.test(text)) findings.push({ path: source.path, line: index + 1, message })
    }
  }
  return findings
}

/** The text with comments made blank; lines stay where they are. Strings are kept whole, as they may hold `//`. */
export function blankComments(text: string): string {
  const token = /\/\*[\s\S]*?\*\/|\/\/[^\n]*|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\[\s\S]|[^`\\])*`/g
  return text.replace(token, (found) => (found.startsWith('/') ? found.replace(/[^\n]/g, ' ') : found))
}

// Written so that these lines do not find themselves.
const EVERYWHERE: readonly Ban[] = [
  {
    pattern: new RegExp('\\b(?:FIX' + 'ME|TO' + 'DO|XX' + 'X)\\b'),
    message: 'is unfinished: finish it, or file an issue',
  },
  {
    pattern: /(?:^|[\s'"`(=])\/(?:work|home|root|Users)\/[a-z]/,
    message: "names a path of one machine: make it relative to the tree, or the tests' temporary folder",
  },
]

const TESTS: readonly Ban[] = [
  {
    pattern: /\b(?:describe|it|test|suite)\s*\.\s*only\b|\bonly:\s*true/,
    message: 'runs alone and hides the others: remove it; to run one file use npm test -- NAME',
  },
  {
    pattern: /\b(?:describe|it|test|suite)\s*\.\s*(?:skip|todo)\b/,
    message: 'is never run: mend or delete it; for a missing program use { skip: missing(...) } of test/support',
  },
  {
    pattern: /\bMath\s*\.\s*random\b|\bDate\s*\.\s*now\(\)\s*%/,
    message: 'tests something else each time: take `sourceSeed` of test/support/source-seed.ts',
  },
]

const PROPERTIES: readonly Ban[] = [
  {
    pattern: /^import .* from 'fast-check'/,
    message: 'takes its seed from the clock: import `fc` from test/support/fast-check.ts',
  },
]

/** Unfinished work, paths of one machine, tests that hide others or never run. */
export function checkBans(sources: readonly Source[]): Finding[] {
  return sources.flatMap((source) => [
    ...ban(source, EVERYWHERE),
    ...(source.path.startsWith('test/') ? ban({ ...source, text: blankComments(source.text) }, TESTS) : []),
    ...(/^test\/(?!support\/fast-check\.ts)/.test(source.path) ? ban(source, PROPERTIES) : []),
  ])
}

/** Every statement of the standard that is cited as [MQTT-x.y.z-n] must exist. */
export function checkCitations(sources: readonly Source[], known: ReadonlySet<string>): Finding[] {
  const findings: Finding[] = []
  for (const { path, text } of sources) {
    for (const match of text.matchAll(/\[(MQTT-\d[\w.]*-\w+)\]/g)) {
      if (known.has(match[1]!)) continue
      const message = `cites ${match[1]}, which is not in test/conformance/statements.json`
      findings.push({ path, line: lineAt(text, match.index), message })
    }
  }
  return findings
}

/**
 * Files of more than `limit` lines. An exception names the lines it has: it may shrink (then its number must be lowered)
 * and not grow.
 */
export function checkLength(
  sources: readonly Source[],
  limit: number,
  exceptions: Readonly<Record<string, { lines: number; reason: string }>>,
): Finding[] {
  const findings: Finding[] = []
  for (const { path, text } of sources) {
    const lines = text.replace(/\n$/, '').split('\n').length
    const exception = exceptions[path]
    if (lines > (exception?.lines ?? limit)) {
      const message = `has ${lines} lines, ${exception?.lines ?? limit} are allowed: split it by what it does`
      findings.push({ path, line: lines, message })
    } else if (exception !== undefined && lines < exception.lines) {
      const now = lines <= limit ? 'remove its exception' : `lower its exception to ${lines}`
      findings.push({ path, line: lines, message: `has shrunk to ${lines} lines: ${now}` })
    }
  }
  for (const path of Object.keys(exceptions)) {
    if (sources.some((source) => source.path === path)) continue
    findings.push({ path, line: 1, message: 'is gone: remove its exception' })
  }
  return findings
}
