import fs from 'node:fs'
import { join } from 'node:path'

/** Takes the folder for this process; returns what gives it back. Throws if another running process has it. */
export function lockFolder(folder: string): () => void {
  const path = join(folder, 'lock')
  for (;;) {
    try {
      fs.writeFileSync(path, String(process.pid), { flag: 'wx' })
      return () => fs.rmSync(path, { force: true })
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
    const owner = Number(fs.readFileSync(path, 'utf8'))
    if (owner !== process.pid && isRunning(owner)) {
      throw new Error(`the store in ${folder} is used by another process (${owner})`)
    }
    // Left behind by one that was killed.
    fs.rmSync(path, { force: true })
  }
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
