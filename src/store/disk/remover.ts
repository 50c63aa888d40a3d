import { basename } from 'node:path'
import type { Files } from './files.ts'
import type { Tell } from './trouble.ts'

/**
 * Removes files that nobody needs any more. That is housekeeping: it takes room on the disk if one cannot be removed, and
 * nothing else. It is told, and tried again.
 */
export class Remover {
  readonly #files: Files
  readonly #tell: Tell
  readonly #left: Set<string> = new Set()

  constructor(files: Files, tell: Tell) {
    this.#files = files
    this.#tell = tell
  }

  /** The name must not be used again. */
  remove(path: string): void {
    try {
      this.#files.remove(path)
    } catch (error) {
      if (this.#left.size === 0) {
        const words = `${basename(path)} is not needed any more, and cannot be removed: ${(error as Error).message}`
        this.#tell('warning', `${words}. It is tried again`)
      }
      this.#left.add(path)
    }
  }

  /** Now and then: tries again what could not be removed. */
  again(): void {
    if (this.#left.size === 0) return
    for (const path of this.#left) {
      try {
        this.#files.remove(path)
        this.#left.delete(path)
      } catch {
        // It was told.
      }
    }
    if (this.#left.size === 0) this.#tell('notice', 'What is not needed any more is removed')
  }
}
