import type { Peer } from '../contracts.ts'

/** What connections of one peer are counted by: its address, or how they come where there is none. */
export function countedBy({ address, kind }: Peer): string {
  return address ?? kind
}
