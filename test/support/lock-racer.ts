/**
 * A process that tries to lock a folder when it is told to: a line with the folder and the time at which all begin. It says
 * `got` and keeps it, or why not.
 */
import { createInterface } from 'node:readline'
import { lockFolder } from '../../src/store/disk/lock.ts'

for await (const line of createInterface({ input: process.stdin })) {
  const [time, folder] = line.split(' ') as [string, string]
  while (Date.now() < Number(time)) {
    // All at once.
  }
  const said = await lockFolder(folder).then(
    () => 'got',
    (error: Error) => error.message,
  )
  process.stdout.write(`${said}\n`)
}
