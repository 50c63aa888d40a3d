export interface TopicFilterOptions {
  /** `*` as a whole level means `+`. Default true. */
  starWildcard: boolean
  /** A first level `$sys` in any case means `$SYS`. */
  sysAlias: boolean
}

/** A Topic Filter that was checked, and what of it is matched. */
export interface TopicFilter {
  /** As the client sent it. */
  readonly source: string
  /** ShareName of `$share/NAME/...`, or null. */
  readonly share: string | null
  /** What is matched: without `$share/NAME/`, with `*` levels as `+` and `$sys` as `$SYS`. */
  readonly filter: string
  /** Whether `filter` has a `+` or `#`. */
  readonly wildcard: boolean
  /** What makes `filter` differ from what the client wrote, or null. */
  readonly rewritten: 'star' | 'sys' | 'both' | null
}

const SHARE_PREFIX = '$share/'
const SYS = '$SYS'

/** How many levels a Topic Name or Topic Filter has. */
export function levelCount(topic: string): number {
  let count = 1
  for (let at = topic.indexOf('/'); at >= 0; at = topic.indexOf('/', at + 1)) count++
  return count
}

/** What is wrong with a Topic Name, in plain words; null if nothing is. Its length in bytes is the codec's to check. */
export function topicNameError(topic: string): string | null {
  if (topic.length === 0) return 'a topic must have at least one character' // [MQTT-4.7.3-1]
  if (topic.includes('+')) return "a topic must not contain the wildcard '+'" // [MQTT-4.7.0-1]
  if (topic.includes('#')) return "a topic must not contain the wildcard '#'"
  if (topic.includes('\0')) return 'a topic must not contain the character U+0000' // [MQTT-4.7.3-2]
  return null
}

/** The Topic Filter, or what is wrong with it in plain words. */
export function parseTopicFilter(source: string, options: TopicFilterOptions): TopicFilter | { error: string } {
  if (source.includes('\0')) return { error: 'a topic filter must not contain the character U+0000' } // [MQTT-4.7.3-2]
  let share: string | null = null
  let filter = source
  if (source.startsWith(SHARE_PREFIX)) {
    const slash = source.indexOf('/', SHARE_PREFIX.length)
    share = source.slice(SHARE_PREFIX.length, slash < 0 ? source.length : slash)
    const error = shareError(share, slash < 0 || slash + 1 === source.length)
    if (error !== null) return { error }
    filter = source.slice(slash + 1)
  }
  if (filter.length === 0) return { error: 'a topic filter must have at least one character' } // [MQTT-4.7.3-1]
  const named = options.sysAlias ? withSys(filter) : filter
  const rewritten = options.starWildcard ? withoutStars(named) : named
  const error = wildcardError(rewritten)
  if (error !== null) return { error }
  const sys = named !== filter
  const star = rewritten !== named
  return {
    source,
    share,
    filter: rewritten,
    wildcard: rewritten.includes('+') || rewritten.endsWith('#'),
    rewritten: star ? (sys ? 'both' : 'star') : sys ? 'sys' : null,
  }
}

/** [MQTT-4.8.2-1] [MQTT-4.8.2-2] */
function shareError(share: string, filterMissing: boolean): string | null {
  if (share.length === 0) return "the share name between '$share/' and the next '/' must not be empty"
  if (share.includes('+') || share.includes('#')) return "a share name must not contain '+' or '#'"
  if (filterMissing) return `a topic filter must follow '$share/${share}/'`
  return null
}

/** `$sys/...` as the standard has it. No expression with the flag u: that would take other letters for an `s`. */
function withSys(filter: string): string {
  return filter.startsWith(SYS) ? filter : filter.replace(/^\$sys(?=\/|$)/i, () => SYS)
}

function withoutStars(filter: string): string {
  if (!filter.includes('*')) return filter
  const levels = filter.split('/')
  if (!levels.includes('*')) return filter
  return levels.map((level) => (level === '*' ? '+' : level)).join('/')
}

function wildcardError(filter: string): string | null {
  const hash = filter.indexOf('#')
  if (hash >= 0) {
    // [MQTT-4.7.1-1]
    if (hash !== filter.length - 1) return "'#' must be the last character of a topic filter"
    if (hash > 0 && filter[hash - 1] !== '/') return "'#' must stand alone in its level: write 'a/#', not 'a#'"
  }
  for (let plus = filter.indexOf('+'); plus >= 0; plus = filter.indexOf('+', plus + 1)) {
    // [MQTT-4.7.1-2]
    const opens = plus === 0 || filter[plus - 1] === '/'
    const closes = plus === filter.length - 1 || filter[plus + 1] === '/'
    if (!opens || !closes) return "'+' must stand alone in its level: write 'a/+/b', not 'a+/b'"
  }
  return null
}

/**
 * Whether one filter (as `TopicFilter.filter` has it) matches one Topic Name. Characters are compared as they are
 * [MQTT-4.7.3-4]; a wildcard in the first level does not match a name that starts with `$` [MQTT-4.7.2-1].
 */
export function topicMatches(filter: string, topic: string): boolean {
  if (topic.startsWith('$') && (filter.startsWith('+') || filter.startsWith('#'))) return false
  let f = 0
  let t = 0
  for (;;) {
    if (filter[f] === '#') return true
    const filterEnd = levelEnd(filter, f)
    const topicEnd = levelEnd(topic, t)
    if (filter[f] !== '+' && !sameLevel(filter, f, filterEnd, topic, t, topicEnd)) return false
    if (topicEnd === topic.length) {
      // `a/#` also matches its parent `a`.
      return filterEnd === filter.length || (filterEnd === filter.length - 2 && filter.endsWith('#'))
    }
    if (filterEnd === filter.length) return false
    f = filterEnd + 1
    t = topicEnd + 1
  }
}

function levelEnd(text: string, start: number): number {
  const end = text.indexOf('/', start)
  return end < 0 ? text.length : end
}

function sameLevel(a: string, aStart: number, aEnd: number, b: string, bStart: number, bEnd: number): boolean {
  if (aEnd - aStart !== bEnd - bStart) return false
  for (let i = aStart, j = bStart; i < aEnd; i++, j++) if (a.charCodeAt(i) !== b.charCodeAt(j)) return false
  return true
}
