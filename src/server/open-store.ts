import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { isAbsolute, join } from 'node:path'
import { restoreMessage, type Store } from '../broker/index.ts'
import type { Config } from '../config/index.ts'
import { MemoryStore, NO_ENGINE, openDiskStore } from '../store/index.ts'
import type { Log } from './log.ts'

const INSTALL = 'run npm install lmdb, or use'
const IN_MEMORY = 'persistence false to keep everything in memory'
/** What every store has from its first moment on. */
const LOG_FOLDER = 'log'

const CONFIGURE = 'set persistence_location to another folder, or persistence false to keep everything in memory'
const ELSEWHERE = `set XDG_STATE_HOME to a folder that this user may write to, or, in a configuration file (-c), ${CONFIGURE}`

/**
 * The store that the configuration asks for. Without a configuration file it is on disk, in the user's folder for such
 * things. Null, and told in the log, if it was asked for and cannot be opened.
 */
export async function openStore(config: Config, configured: boolean, port: number, log: Log): Promise<Store | null> {
  const { persistence, persistenceLocation, persistenceSync } = config.general
  if (configured && !persistence) {
    log.line('information', 'Sessions and messages are in memory only (`persistence true` stores them on disk)')
    return new MemoryStore()
  }
  if (!configured && port === 0) return new MemoryStore()
  let folder = ''
  try {
    folder = configured ? join(persistenceLocation ?? '.', 'nightjar') : defaultFolder(port)
    const tell = log.line.bind(log)
    const store = await openDiskStore({ folder, sync: persistenceSync, make: restoreMessage, tell })
    log.line('notice', `Sessions and messages are stored in ${folder}`)
    return store
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    // Without its store, the broker would seem to have lost what it acknowledged.
    if (configured || code !== NO_ENGINE || existsSync(join(folder, LOG_FOLDER))) {
      const words = `Cannot open the store in ${folder}: ${message}${advice(error, configured)}`
      log.line('error', folder === '' ? message : words)
      return null
    }
    log.line('warning', `Sessions and messages are in memory only: ${folder} cannot be used: ${message}`)
    return new MemoryStore()
  }
}

/** Advice where this user may not write, or the folder cannot be created. */
function advice(error: unknown, configured: boolean): string {
  const code = (error as NodeJS.ErrnoException).code ?? ''
  if (code === NO_ENGINE) return `; ${INSTALL} ${configured ? '' : 'a configuration file (-c) with '}${IN_MEMORY}`
  return ['EACCES', 'EPERM', 'EROFS', 'ENOENT', 'ENOTDIR'].includes(code)
    ? `; ${configured ? CONFIGURE : ELSEWHERE}`
    : ''
}

/** One for each port, so that two brokers of one user do not meet. Throws an Error that says so if this user has no home. */
export function defaultFolder(port: number): string {
  const state = process.env['XDG_STATE_HOME'] || join(home(), '.local', 'state')
  return join(state, 'nightjar', String(port))
}

function home(): string {
  let path = ''
  try {
    path = homedir()
  } catch {
    // No HOME and no passwd entry, as in a container that runs under a numeric user id.
  }
  if (isAbsolute(path)) return path
  throw new Error(`This user has no home folder to store sessions and messages in: ${ELSEWHERE}`)
}
