import type { Peer } from '../broker/contracts.ts'
import type { LinkHandler } from './acceptor.ts'

/**
 * What a listener does with the first bytes of a connection before the broker accepts it: who the client really is may stand
 * there (PROXY protocol), or that it speaks something else than MQTT.
 */
export interface EntryStep {
  /** All that came so far is bytes[start..end); only good until this returns. Called again with more, until it has decided. */
  look(bytes: Uint8Array, start: number, end: number): EntryAnswer
}

export type EntryAnswer =
  /** It cannot tell yet. */
  | { readonly result: 'more' }
  /** The broker may have it: who it is, and the place in `bytes` from which on they are the broker's. */
  | { readonly result: 'accept'; readonly peer: Peer; readonly from: number }
  /** It is closed; the reason is for the log. */
  | { readonly result: 'refuse'; readonly reason: string }

/** Makes the step of one connection. `peer`: who it is by the network. */
export type Entry = (peer: Peer) => EntryStep

/** What becomes of the connection. */
export interface EntryOutcome {
  /** Joins the broker to it; returns who gets its bytes from now on. */
  accept(peer: Peer): LinkHandler
  refuse(reason: string): void
}

/** Stands for the broker while the step has not decided, and keeps what came until then. */
export class Entrance implements LinkHandler {
  readonly #step: EntryStep
  readonly #outcome: EntryOutcome
  readonly #bytesAtMost: number
  #bytes: Uint8Array | null = null
  #over = false

  /** `bytesAtMost`: so many that the step leaves undecided are the end of the connection. 1 or more. */
  constructor(step: EntryStep, outcome: EntryOutcome, bytesAtMost: number) {
    this.#step = step
    this.#outcome = outcome
    this.#bytesAtMost = bytesAtMost
  }

  receive(bytes: Uint8Array, start: number, end: number): void {
    if (this.#over) return
    if (this.#bytes === null) this.#look(bytes, start, end)
    else {
      const both = new Uint8Array(this.#bytes.length + end - start)
      both.set(this.#bytes)
      both.set(bytes.subarray(start, end), this.#bytes.length)
      this.#look(both, 0, both.length)
    }
  }

  #look(bytes: Uint8Array, start: number, end: number): void {
    const answer = this.#step.look(bytes, start, end)
    if (answer.result === 'more' && end - start < this.#bytesAtMost) {
      this.#bytes = bytes.slice(start, end)
      return
    }
    this.#over = true
    this.#bytes = null
    if (answer.result === 'accept') {
      const handler = this.#outcome.accept(answer.peer)
      if (answer.from < end) handler.receive(bytes, answer.from, end)
    } else {
      this.#outcome.refuse(
        answer.result === 'refuse' ? answer.reason : `its first ${end - start} bytes do not say what it is`,
      )
    }
  }

  /** Nothing was sent. */
  drained(): void {}

  /** It went before anything was decided. */
  closed(): void {
    this.#over = true
    this.#bytes = null
  }
}
