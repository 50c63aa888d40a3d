import { Buffer } from 'node:buffer'
import { lstat, rm } from 'node:fs/promises'
import { connect } from 'node:net'

/** Bytes of a path that the system takes. Node would cut a longer one short, and listen somewhere else. */
const PATH_MAX = process.platform === 'linux' ? 107 : 103

/**
 * Makes room for a Unix socket at this path. One on which nobody listens any more, as after a crash, is removed; one that
 * is in use is left alone, as is a file that is no socket: then listening says so. Rejects if the path is too long.
 */
export async function prepareSocketPath(path: string): Promise<void> {
  if (Buffer.byteLength(path) > PATH_MAX) {
    throw Object.assign(new Error(`its path has more than ${PATH_MAX} bytes`), { code: 'ENAMETOOLONG' })
  }
  const found = await lstat(path).catch(() => null)
  if (found === null || !found.isSocket()) return
  if (await isDeserted(path)) await rm(path)
}

function isDeserted(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path, () => {
      socket.destroy()
      resolve(false)
    })
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code === 'ECONNREFUSED'))
  })
}
