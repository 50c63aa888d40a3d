import { SlabPool } from '../protocol/index.ts'

const ARENA_BYTES = 512 * 1024

let pool: SlabPool | null = null

/** The memory that all connections of the process write into. */
export function slabs(): SlabPool {
  pool ??= new SlabPool(new Uint8Array(ARENA_BYTES), 0)
  return pool
}
