import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { restoreMessage } from '../broker/index.ts'
import { defaultFolder } from '../server/index.ts'
import { backupDiskStore, checkDiskStore, type StoreReport } from '../store/index.ts'
import { EXIT_CODES, usageError } from './exit.ts'
import { safeText } from './format/terminal.ts'
import { DEFAULT_PORT } from './option.ts'
import { writeAll } from './output.ts'
import type { Given } from './parse.ts'
import type { Say } from './stderr.ts'

const STDOUT = 1
const BYTES_OF_MIB = 1024 ** 2
/** Environment variable of the process that checks. */
const LOOKS = 'NIGHTJAR_STORE_CHECK'
/** Signals that damaged pages may kill a process with: LMDB trusts its pages. */
const CRASHES: readonly (NodeJS.Signals | null)[] = ['SIGSEGV', 'SIGBUS', 'SIGABRT']

/** `nightjar store`. Resolves with the exit code: 0 sound, or copied; 1 not sound, or not copied; 2 there is nothing to read. */
export async function runStore(given: Given, say: Say): Promise<number> {
  const [action, ...folders] = given.operands
  const usual = (): string => usualFolder(given.number('port') ?? DEFAULT_PORT)
  if (action === 'check' && folders.length <= 1) return await check(folders[0] ?? usual(), given, say)
  if (action === 'backup' && folders.length > 0) {
    const [from, target] = folders.length === 1 ? [usual(), folders[0]!] : [folders[0]!, folders[1]!]
    return await backup(from, target, given, say)
  }
  if (action === 'backup') throw usageError('backup needs a TARGET: a new or empty folder')
  if (action === 'check') throw usageError('check takes one FOLDER')
  throw usageError(
    action === undefined ? 'an action is missing: check or backup' : `there is no store ${action}: use check or backup`,
  )
}

function usualFolder(port: number): string {
  try {
    return defaultFolder(port)
  } catch {
    throw usageError('this user has no home folder: give the FOLDER of the store')
  }
}

async function check(folder: string, given: Given, say: Say): Promise<number> {
  if (process.env[LOOKS] === undefined) return await checkApart(say)
  let report: StoreReport
  try {
    report = await checkDiskStore(folder, restoreMessage)
  } catch (error) {
    say(`cannot read the store: ${(error as Error).message}`)
    return EXIT_CODES.usage.code
  }
  const { owner, found } = report
  const quiet = given.flag('quiet')
  if (!quiet) print(`The store in ${report.folder} has ${contents(report)}`)
  if (!quiet && owner !== null) print(`A broker is using it (process ${owner}): this is a snapshot`)
  tell(report, quiet)
  if (!quiet) print(found === 0 ? 'It is sound' : `It is not sound: ${found} findings`)
  return found === 0 ? EXIT_CODES.ok.code : EXIT_CODES.other.code
}

/** The same command in a process of its own, so that this one can tell what is wrong if that one crashes. */
async function checkApart(say: Say): Promise<number> {
  const [, ...words] = process.argv
  const env = { ...process.env, [LOOKS]: '1' }
  const child = spawn(process.execPath, [...process.execArgv, ...words], { stdio: 'inherit', env })
  const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null]
  if (code !== null) return code
  if (!CRASHES.includes(signal)) {
    say(`the check was killed by ${signal}`)
    return EXIT_CODES.other.code
  }
  print('- The pages of the tree are damaged and cannot be read. A broker may crash on it, too: restore a backup, or')
  print('  move the folder tree away; the broker then starts with what is in the log')
  print('It is not sound')
  return EXIT_CODES.other.code
}

async function backup(folder: string, target: string, given: Given, say: Say): Promise<number> {
  let report: StoreReport
  try {
    report = await backupDiskStore(folder, target, restoreMessage)
  } catch (error) {
    say(`no backup was made: ${(error as Error).message}`)
    return EXIT_CODES.other.code
  }
  const quiet = given.flag('quiet')
  if (!quiet) print(`The backup in ${target} has ${contents(report)}`)
  tell(report, quiet)
  if (report.found === 0) return EXIT_CODES.ok.code
  say(`the backup is not sound (${report.found} findings), and probably the store is not: run nightjar store check`)
  return EXIT_CODES.other.code
}

function contents({ sessions, queued, retained, bytes }: StoreReport): string {
  const { log, kept, tree } = bytes
  const room = `${mebibytes(log)} of log, ${mebibytes(kept)} of kept messages, ${mebibytes(tree)} of tree`
  return `${sessions} Sessions, ${queued} queued messages, ${retained} retained ones; ${room}`
}

function mebibytes(bytes: number): string {
  return `${(bytes / BYTES_OF_MIB).toFixed(1)} MiB`
}

function tell({ findings, notes }: StoreReport, quiet: boolean): void {
  for (const line of findings) print(`- ${line}`)
  if (!quiet) for (const line of notes) print(`Note: ${line}`)
}

/** Topics and Client Identifiers may contain any character: a line stays a line. */
function print(line: string): void {
  writeAll(STDOUT, new TextEncoder().encode(`${safeText(line)}\n`))
}
