import { homedir } from 'node:os'
import { join } from 'node:path'
import { restoreMessage, type Store } from '../broker/index.ts'
import type { Config } from '../config/index.ts'
import { MemoryStore, openDiskStore } from '../store/index.ts'
import type { Log } from './log.ts'

/** Errors after which a broker that nobody configured goes on without a disk: it has none that it may use. */
const NO_DISK: readonly string[] = ['EACCES', 'EROFS', 'EPERM', 'ENOENT', 'ERR_MODULE_NOT_FOUND', 'MODULE_NOT_FOUND']

/**
 * The store that the configuration asks for. Without a configuration file it is on disk, in the user's folder for such
 * things. Null, and told in the log, if it was asked for and cannot be opened.
 */
export async function openStore(config: Config, configured: boolean, port: number, log: Log): Promise<Store | null> {
  const { persistence, persistenceLocation, persistenceSync } = config.general
  if (configured && !persistence) {
    log.line('information', 'Sessions and messages are kept in memory only (`persistence true` keeps them on disk)')
    return new MemoryStore()
  }
  if (!configured && port === 0) return new MemoryStore()
  const folder = configured ? join(persistenceLocation ?? '.', 'nightjar') : defaultFolder(port)
  try {
    const tell = log.line.bind(log)
    const store = await openDiskStore({ folder, sync: persistenceSync, make: restoreMessage, tell })
    log.line('notice', `Sessions and messages are kept in ${folder}`)
    return store
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (configured || !NO_DISK.includes(code ?? '')) {
      log.line('error', `Cannot open the store in ${folder}: ${message}`)
      return null
    }
    log.line('warning', `Sessions and messages are kept in memory only, as ${folder} cannot be used: ${message}`)
    return new MemoryStore()
  }
}

/** One for each port, so that two brokers of one user do not meet. */
export function defaultFolder(port: number): string {
  const state = process.env['XDG_STATE_HOME'] || join(homedir(), '.local', 'state')
  return join(state, 'nightjar', String(port))
}
