import { Buffer } from 'node:buffer'

const NEWLINE = 0x0a

/**
 * The lines of a stream of bytes, without their line ends; the last one needs none. A line is valid until the next is
 * asked for only in so far as nobody changes the chunk it lies in.
 */
export async function* linesOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  /** The beginning of a line that is not complete. */
  let parts: Uint8Array[] = []
  for await (const chunk of chunks) {
    let start = 0
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      const rest = chunk.subarray(start, end)
      yield parts.length === 0 ? rest : Buffer.concat([...parts, rest])
      parts = []
      start = end + 1
    }
    if (start < chunk.length) parts.push(chunk.subarray(start))
  }
  if (parts.length > 0) yield Buffer.concat(parts)
}
