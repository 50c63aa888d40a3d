import { Buffer } from 'node:buffer'
import { constants, createReadStream, fstatSync, openSync } from 'node:fs'
import { Socket } from 'node:net'
import type { Readable } from 'node:stream'
import { isatty, ReadStream } from 'node:tty'
import { CommandError } from './exit.ts'
import type { PublishSettings } from './pub-settings.ts'

/** No MQTT packet can carry more. */
const MOST_BYTES = 268_435_455

/** What is published, or null: the lines of stdin. Ends with the signal's reason when that fires. Throws a CommandError. */
export async function readPayload({ source }: PublishSettings, stop: AbortSignal): Promise<Uint8Array | null> {
  switch (source.kind) {
    case 'bytes':
      return source.bytes
    case 'null':
      return Buffer.alloc(0)
    case 'lines':
      return null
    case 'file':
      return await readFile(source.path, stop)
    default: {
      const bytes = await readAll(process.stdin, 'stdin', stop)
      if (bytes.length > 0) return bytes
      // What comes out of a program that failed is empty, too, and an empty message clears what is retained.
      throw new CommandError('other', 'stdin is empty: to publish an empty message use -n')
    }
  }
}

async function readFile(path: Uint8Array, stop: AbortSignal): Promise<Uint8Array> {
  const name = Buffer.from(path).toString('utf8')
  let descriptor: number
  try {
    // Or a FIFO that nobody has opened for writing would hold up everything.
    descriptor = openSync(Buffer.from(path), constants.O_RDONLY | constants.O_NONBLOCK)
  } catch (error) {
    throw readError(name, error)
  }
  return await readAll(streamOf(descriptor), name, stop)
}

/** A stream that waits in the event loop, and not in a thread, where there may be long to wait. */
function streamOf(descriptor: number): Readable {
  if (fstatSync(descriptor).isFIFO()) return new Socket({ fd: descriptor, readable: true, writable: false })
  return isatty(descriptor) ? new ReadStream(descriptor) : createReadStream('', { fd: descriptor })
}

async function readAll(stream: Readable, name: string, stop: AbortSignal): Promise<Uint8Array> {
  const giveUp = () => void stream.destroy()
  if (stop.aborted) giveUp()
  stop.addEventListener('abort', giveUp, { once: true })
  const chunks: Uint8Array[] = []
  let length = 0
  try {
    for await (const chunk of stream as AsyncIterable<Uint8Array>) {
      chunks.push(chunk)
      length += chunk.length
      if (length > MOST_BYTES) break
    }
  } catch (error) {
    stop.throwIfAborted()
    throw readError(name, error)
  }
  stop.throwIfAborted()
  if (length > MOST_BYTES)
    throw new CommandError('other', `${name} has more than ${MOST_BYTES} bytes, the limit for a message`)
  return Buffer.concat(chunks)
}

function readError(name: string, error: unknown): CommandError {
  return new CommandError('other', `cannot read ${name}: ${(error as Error).message}`)
}
