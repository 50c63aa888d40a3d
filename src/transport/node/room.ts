/** How many connections there may be at once, and how many there are: of one listener, or of several together. */
export class Room {
  open = 0
  /** -1: no limit. */
  maximum: number
  /** The option that set it, for people. */
  readonly option: string

  constructor(maximum: number, option: string) {
    this.maximum = maximum
    this.option = option
  }

  get full(): boolean {
    return this.maximum >= 0 && this.open >= this.maximum
  }
}
