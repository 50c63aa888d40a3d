import { Buffer } from 'node:buffer'
import type { ByteWriter } from './byte-writer.ts'

/** A topic's retained message, and since when it is that: milliseconds of the broker's time, 0 if nobody noted it. */
export interface Retained {
  readonly messageId: number
  readonly at: number
}

/** As the tree has it. No Topic Name has a zero byte [MQTT-4.7.3-2]: what follows one was added later. */
export function writeRetained(out: ByteWriter, topic: string, { messageId, at }: Retained): void {
  out.double(messageId)
  out.bytes(Buffer.from(topic), 0, Buffer.byteLength(topic))
  out.byte(0)
  out.double(at)
}

export function readRetained(body: Buffer): Retained & { readonly topic: string } {
  const end = body.indexOf(0, 8)
  const messageId = body.readDoubleLE(0)
  if (end < 0) return { topic: body.toString('utf8', 8), messageId, at: 0 }
  return { topic: body.toString('utf8', 8, end), messageId, at: body.readDoubleLE(end + 1) }
}
