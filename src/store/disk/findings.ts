/** What a finding means for those whose messages they are. */
const MEANING = {
  value: 'what it held is lost, and the broker goes on without it',
  key: 'the broker does not know what it is, and passes over it',
  session: 'the Session and its queue do not belong together any more',
  queue: 'those places of the queue may be read twice, or not at all',
  bytes: 'the limits on queued bytes count wrongly for this client',
  message: 'those who wait for it do not get it',
  uses: 'too many: it takes room for ever; too few: it may go while somebody waits for it',
  kept: 'messages in it may not be found',
  log: 'the next start of a broker sets what follows aside, in the folder damaged',
} as const

export type FindingKind = keyof typeof MEANING

/** So many findings of a kind are told one by one. */
const TOLD = 10

/** Everything that is not as it should be, in plain lines; of thousands that are alike only some are told. */
export class Findings {
  count = 0
  readonly #byKind: Map<FindingKind, { lines: string[]; more: number }> = new Map()

  add(kind: FindingKind, what: string): void {
    this.count++
    let found = this.#byKind.get(kind)
    if (found === undefined) {
      found = { lines: [], more: 0 }
      this.#byKind.set(kind, found)
    }
    if (found.lines.length < TOLD) found.lines.push(`${what}: ${MEANING[kind]}`)
    else found.more++
  }

  get lines(): string[] {
    return [...this.#byKind].flatMap(([kind, { lines, more }]) =>
      more === 0 ? lines : [...lines, `and ${more} more of this kind (${kind})`],
    )
  }
}
