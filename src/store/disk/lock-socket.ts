import { Buffer } from 'node:buffer'
import { createHash } from 'node:crypto'
import fs from 'node:fs'
import { connect, createServer, type Server } from 'node:net'
import { join } from 'node:path'

/** Bytes of a path that the system takes for a Unix socket. Node would cut a longer one short, and listen elsewhere. */
const PATH_MAX = process.platform === 'linux' ? 107 : 103
/** What bind says on a file system that has no sockets, such as FAT and some that containers share with their host. */
const NO_SOCKETS: readonly (string | undefined)[] = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'EINVAL', 'ENOSYS']

/** Listens on a Unix socket at `name` in the folder. Rejects with an Error that says why that cannot be. */
export async function listenAt(folder: string, name: string): Promise<Server> {
  try {
    return await withPath(folder, name, listen)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (!NO_SOCKETS.includes(code)) throw error
    throw new Error(
      `the file system of ${folder} has no Unix sockets (${code}), which lock a store: use a folder of another one, such as ext4`,
      { cause: error },
    )
  }
}

/**
 * Whether somebody listens on the socket at `name` in the folder. Only who is refused may say that nobody does: a full
 * backlog or missing rights leave it open, and then the holder is taken to live.
 */
export function holderState(folder: string, name: string): Promise<'alive' | 'dead' | 'gone'> {
  return withPath(
    folder,
    name,
    (path) =>
      new Promise((resolve) => {
        const socket = connect(path, () => {
          socket.destroy()
          resolve('alive')
        })
        socket.on('error', ({ code }: NodeJS.ErrnoException) => {
          if (code === 'ECONNREFUSED' || code === 'ENOTSOCK') resolve('dead')
          else resolve(code === 'ENOENT' ? 'gone' : 'alive')
        })
      }),
  )
}

/** Windows has pipes instead, which have names of their own and also end with who listens. */
export async function lockPipe(folder: string): Promise<() => void> {
  const name = createHash('sha256').update(fs.realpathSync(folder).toLowerCase()).digest('hex').slice(0, 32)
  try {
    const server = await listen(`\\\\.\\pipe\\nightjar-${name}`)
    return () => server.close()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error
    throw new Error(`the store in ${folder} is used by another process`, { cause: error })
  }
}

function listen(path: string): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy())
    server.once('error', reject)
    server.listen(path, () => {
      server.off('error', reject)
      // Out of descriptors, say: it listens all the same, which is all that counts.
      server.on('error', () => {})
      server.unref()
      resolve(server)
    })
  })
}

/** Hands over a path that is short enough for a socket. */
async function withPath<T>(folder: string, name: string, use: (path: string) => Promise<T>): Promise<T> {
  const path = join(folder, name)
  if (Buffer.byteLength(path) <= PATH_MAX) return await use(path)
  if (process.platform !== 'linux') {
    throw new Error(`the path of ${folder} is too long for a Unix socket in it, which locks a store`)
  }
  const fd = fs.openSync(folder, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY)
  try {
    return await use(`/proc/self/fd/${fd}/${name}`)
  } finally {
    fs.closeSync(fd)
  }
}
