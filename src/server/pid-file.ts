import fs from 'node:fs'

/** Writes the number of this process; the file goes when the process ends, however it does. Throws the system's error. */
export function writePidFile(path: string): void {
  const content = `${process.pid}\n`
  fs.writeFileSync(path, content)
  process.on('exit', () => {
    try {
      // Another broker may have put its own there.
      if (fs.readFileSync(path, 'utf8') === content) fs.rmSync(path)
    } catch {
      // It is gone, or may not be removed: that must not change how the process ends.
    }
  })
}
