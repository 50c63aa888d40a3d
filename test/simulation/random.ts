import { Random } from '../fuzz/random.ts'

/** The randomness of a simulation: all of it follows from the seed. */
export class SimRandom extends Random {
  /** from..to, both included. */
  between(from: number, to: number): number {
    return from + this.below(to - from + 1)
  }

  /** Whether something happens that does so in `percent` of all cases. */
  chance(percent: number): boolean {
    return this.below(100) < percent
  }

  uint32(): number {
    return this.below(0x1_0000_0000)
  }
}

/** Independent randomness for one part of a run, so that leaving another part out does not change this one. */
export function randomOf(seed: number, name: string): SimRandom {
  let mixed = seed | 0
  for (let i = 0; i < name.length; i++) mixed = Math.imul(mixed ^ name.charCodeAt(i), 0x01000193)
  return new SimRandom(mixed ^ (mixed >>> 15))
}
