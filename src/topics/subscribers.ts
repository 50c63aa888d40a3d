import { ownCopy } from './level-names.ts'

/** All that match a Topic Name. */
export interface Matches<T> {
  /** Ordinary subscriptions. */
  readonly direct: T[]
  /** One for each shared group that has a member: a filter and a ShareName make a group. */
  readonly shared: SharedGroup<T>[]
}

export interface SharedGroup<T> {
  readonly share: string
  /** Without `$share/NAME/`. */
  readonly filter: string
  /** Those who are present, then the others; else in no promised order, and live: it changes with the group. */
  readonly members: readonly T[]
  /** So many are present. */
  readonly present: number
  /** Free for whoever chooses a member, as in round robin. */
  next: number
}

/**
 * Subscribers in no order: the last one moves into the place of one that leaves. Where there are many a Map knows each
 * one's place, so that ten thousand clients of one topic can leave at once without ten thousand searches.
 */
export class Members<T> {
  readonly members: T[] = []
  readonly #searched: number
  #places: Map<T, number> | null = null

  /** From so many members on their places are looked up, not searched. */
  constructor(searched: number) {
    this.#searched = searched
  }

  add(value: T): void {
    this.#places?.set(value, this.members.length)
    this.members.push(value)
    if (this.#places === null && this.members.length >= this.#searched) {
      this.#places = new Map(this.members.map((member, place) => [member, place]))
    }
  }

  /** -1: it is none of them. */
  protected place(value: T): number {
    return this.#places === null ? this.members.indexOf(value) : (this.#places.get(value) ?? -1)
  }

  protected swap(one: number, other: number): void {
    const { members } = this
    const first = members[one]!
    const second = members[other]!
    members[one] = second
    members[other] = first
    this.#places?.set(second, one).set(first, other)
  }

  remove(value: T): boolean {
    const { members } = this
    const place = this.place(value)
    if (place < 0) return false
    const last = members.pop()!
    if (place < members.length) {
      members[place] = last
      this.#places?.set(last, place)
    }
    this.#places?.delete(value)
    if (members.length < this.#searched / 2) this.#places = null
    return true
  }
}

class Group<T> extends Members<T> implements SharedGroup<T> {
  readonly share: string
  readonly filter: string
  present = 0
  next = 0

  constructor(share: string, filter: string, searched: number) {
    super(searched)
    this.share = share
    this.filter = filter
  }

  /** Whoever chooses need not look at ten thousand who are away to find the one who is here. */
  setPresent(value: T, present: boolean): void {
    const place = this.place(value)
    if (place < 0 || place < this.present === present) return
    this.swap(place, present ? this.present++ : --this.present)
  }

  override remove(value: T): boolean {
    this.setPresent(value, false)
    return super.remove(value)
  }
}

/** The subscribers of one filter, where they are more than a single ordinary one. */
export class Subscribers<T> {
  readonly #searched: number
  readonly #direct: Members<T>
  #groups: Map<string, Group<T>> | null = null

  /** See `Members`. */
  constructor(searched: number) {
    this.#searched = searched
    this.#direct = new Members(searched)
  }

  get direct(): readonly T[] {
    return this.#direct.members
  }

  get groups(): number {
    return this.#groups?.size ?? 0
  }

  /** See `Group.setPresent`. */
  setPresent(share: string, value: T, present: boolean): void {
    this.#groups?.get(share)?.setPresent(value, present)
  }

  add(share: string | null, filter: string, value: T): void {
    if (share === null) {
      this.#direct.add(value)
      return
    }
    this.#groups ??= new Map()
    let group = this.#groups.get(share)
    if (group === undefined) {
      // Not the parts of what the first member sent: they would keep all of it alive when it has left.
      group = new Group(ownCopy(share), ownCopy(filter), this.#searched)
      this.#groups.set(group.share, group)
    }
    group.add(value)
  }

  remove(share: string | null, value: T): boolean {
    if (share === null) return this.#direct.remove(value)
    const group = this.#groups?.get(share)
    if (group === undefined || !group.remove(value)) return false
    if (group.members.length === 0) this.#groups!.delete(share)
    if (this.#groups!.size === 0) this.#groups = null
    return true
  }

  collect(result: Matches<T>): void {
    for (const member of this.#direct.members) result.direct.push(member)
    if (this.#groups !== null) for (const group of this.#groups.values()) result.shared.push(group)
  }
}
