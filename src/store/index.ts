import type { Store } from '../broker/contracts.ts'
import type { DiskStoreOptions } from './disk/disk-store.ts'

export type { DiskStoreOptions } from './disk/disk-store.ts'
export type { SyncMode } from './disk/log.ts'
export { MemoryStore } from './memory.ts'

/** Opens the store on disk; the engine behind it is loaded only here. Rejects with an Error that says why it cannot be opened. */
export async function openDiskStore(options: DiskStoreOptions): Promise<Store> {
  const { DiskStore } = await import('./disk/disk-store.ts')
  return new DiskStore(options)
}
