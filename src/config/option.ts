import type { Type } from './types.ts'

/** One option: its values, its default, and its line in documents and help. */
export interface Option<T> {
  readonly name: string
  /** Older names of the same option. */
  readonly aliases?: readonly string[]
  readonly type: Type<T>
  readonly default: T
  /** One line, in our own words, with the unit. */
  readonly doc: string
  /** Whether a new value can take effect without a restart. */
  readonly reloadable: boolean
  /** Where the option comes from: mosquitto.conf, or Nightjar alone. */
  readonly from: 'mosquitto' | 'nightjar'
}

export type Options<C> = { readonly [K in keyof C]: Option<C[K]> }
