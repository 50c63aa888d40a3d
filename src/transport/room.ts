/** How many connections there may be at once, and how many there are: of one listener, or of several together. */
export class Room {
  open = 0
  readonly #maximum: number

  /** -1: no limit. */
  constructor(maximum: number) {
    this.#maximum = maximum
  }

  get full(): boolean {
    return this.#maximum >= 0 && this.open >= this.#maximum
  }
}
