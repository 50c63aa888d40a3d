import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8'

/** Of both halves together: 4 MiB each. */
const ENOUGH_BYTES = 8 * 1024 * 1024

/**
 * Keeps V8's young generation small. By default each half of it grows to 16 MiB as soon as many objects live on, which is
 * what ten thousand connecting clients are, and it never shrinks: 3 KiB of memory for each of them, for nothing. Returns
 * false when it has done what there was to do; until then it is to be called now and then.
 */
export function limitYoungGeneration(): boolean {
  const space = getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space')
  if (space !== undefined && space.space_size < ENOUGH_BYTES) return true
  setFlagsFromString('--semi-space-growth-factor=1')
  return false
}
