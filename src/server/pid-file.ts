import fs from 'node:fs'

/** Writes the process id; the file is removed when the process ends, however it does. Throws the system's error. */
export function writePidFile(path: string): void {
  const content = `${process.pid}\n`
  fs.writeFileSync(path, content)
  process.on('exit', () => {
    try {
      // Another broker may have put its own there.
      if (fs.readFileSync(path, 'utf8') === content) fs.rmSync(path)
    } catch {
      // Already gone, or not removable: this must not change how the process ends.
    }
  })
}
