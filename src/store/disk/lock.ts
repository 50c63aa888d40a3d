import fs from 'node:fs'
import { join } from 'node:path'

/** Takes the folder for this process; returns what gives it back. Throws if another running process has it. */
export function lockFolder(folder: string): () => void {
  const path = join(folder, 'lock')
  for (;;) {
    try {
      fs.writeFileSync(path, `${process.pid} ${birth(process.pid)}`, { flag: 'wx', mode: 0o600 })
      return () => fs.rmSync(path, { force: true })
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
    const owner = ownerOf(folder)
    if (owner !== null && owner !== process.pid) {
      throw new Error(`the store in ${folder} is used by another process (${owner})`)
    }
    // Left behind by one that was killed.
    fs.rmSync(path, { force: true })
  }
}

/** The process that has the folder, or null if none that still runs. */
export function ownerOf(folder: string): number | null {
  let text: string
  try {
    text = fs.readFileSync(join(folder, 'lock'), 'utf8')
  } catch {
    return null
  }
  const [owner = '', born = ''] = text.split(' ')
  const processId = Number(owner)
  return isRunning(processId) && birth(processId) === born ? processId : null
}

function isRunning(processId: number): boolean {
  if (!Number.isInteger(processId) || processId <= 0) return false
  try {
    process.kill(processId, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/**
 * When a process began, and after which start of the machine: after a power cut another may have the number of one that
 * was. Empty where the system does not tell; then the number alone has to do.
 */
function birth(processId: number): string {
  try {
    const boot = fs.readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
    const stat = fs.readFileSync(`/proc/${processId}/stat`, 'utf8')
    // After the name in brackets, which may itself have spaces and brackets: the 22nd field of all.
    return `${boot}/${stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]}`
  } catch {
    return ''
  }
}
