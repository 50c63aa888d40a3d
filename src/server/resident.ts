/** Bytes of memory that the process has, as it was known last if the system does not say: it needs a file descriptor to. */
export class ResidentMemory {
  #bytes = 0

  read(): number {
    try {
      this.#bytes = process.memoryUsage.rss()
    } catch {
      // EMFILE, for example: then other things matter more.
    }
    return this.#bytes
  }
}
