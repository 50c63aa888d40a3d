import type { Store } from '../broker/contracts.ts'
import type { StoreReport } from './disk/check.ts'
import type { DiskStoreOptions } from './disk/disk-store.ts'
import type { MakeMessage } from './disk/records.ts'

export type { StoreReport } from './disk/check.ts'
export type { DiskStoreOptions } from './disk/disk-store.ts'
export type { SyncMode } from './disk/log.ts'
export { MemoryStore } from './memory.ts'

/** Opens the store on disk; the engine behind it is loaded only here. Rejects with an Error that says why it cannot be opened. */
export async function openDiskStore(options: DiskStoreOptions): Promise<Store> {
  const [{ DiskStore }, { lockFolder }] = await Promise.all([import('./disk/disk-store.ts'), import('./disk/lock.ts')])
  const unlock = await lockFolder(options.folder)
  try {
    return new DiskStore({ ...options, unlock })
  } catch (error) {
    unlock()
    throw error
  }
}

/** Looks at the store at `path` and changes nothing. Rejects with an Error that says why it cannot be read. */
export async function checkDiskStore(path: string, make: MakeMessage): Promise<StoreReport> {
  const { checkStore, findStore } = await import('./disk/check.ts')
  return await checkStore(findStore(path), make)
}

/** Copies the store at `path`, beside a running broker too; resolves with what the copy has. Rejects with an Error that says why not. */
export async function backupDiskStore(path: string, target: string, make: MakeMessage): Promise<StoreReport> {
  const [{ findStore }, { backupStore }] = await Promise.all([import('./disk/check.ts'), import('./disk/backup.ts')])
  return await backupStore(findStore(path), target, make)
}
