import type { Store } from '../broker/contracts.ts'
import type { StoreReport } from './disk/check.ts'
import type { DiskStoreOptions } from './disk/disk-store.ts'
import type { MakeMessage } from './disk/records.ts'

export type { StoreReport } from './disk/check.ts'
export type { DiskStoreOptions } from './disk/disk-store.ts'
export type { SyncMode } from './disk/log.ts'
export { MemoryStore } from './memory.ts'

/** The code of the Error that says that the engine of the store on disk, lmdb, is not there, or not for this machine. */
export const NO_ENGINE = 'ERR_NO_ENGINE'

/** Opens the store on disk; the engine behind it is loaded only here. Rejects with an Error that says why it cannot be opened. */
export async function openDiskStore(options: DiskStoreOptions): Promise<Store> {
  const [{ DiskStore }, { lockFolder }] = await loaded(
    Promise.all([import('./disk/disk-store.ts'), import('./disk/lock.ts')]),
  )
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
  const { checkStore, findStore } = await loaded(import('./disk/check.ts'))
  return await checkStore(findStore(path), make)
}

/** Copies the store at `path`, beside a running broker too; resolves with what the copy has. Rejects with an Error that says why not. */
export async function backupDiskStore(path: string, target: string, make: MakeMessage): Promise<StoreReport> {
  const [{ findStore }, { backupStore }] = await loaded(
    Promise.all([import('./disk/check.ts'), import('./disk/backup.ts')]),
  )
  return await backupStore(findStore(path), target, make)
}

/** Of what is imported only the engine is not our own: it is optional, and has a part that was made for one kind of machine. */
async function loaded<T>(modules: Promise<T>): Promise<T> {
  try {
    return await modules
  } catch (error) {
    // It tells where it looked, in many lines.
    const [why] = (error as Error).message.split('\n')
    throw Object.assign(new Error(`its engine 'lmdb' cannot be loaded: ${why}`, { cause: error }), { code: NO_ENGINE })
  }
}
