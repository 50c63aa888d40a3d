import { Buffer } from 'node:buffer'
import type { Text } from '../../protocol/index.ts'

/** Buffer's own methods work on any Uint8Array, and cost half of what TextDecoder does for a topic (43-55 against 94 ns for 35 bytes). */
interface Utf8 {
  utf8Slice(this: Uint8Array, start: number, end: number): string
  utf8Write(this: Uint8Array, text: string, offset: number): number
}

const { utf8Slice, utf8Write } = Buffer.prototype as unknown as Utf8

export const nodeText: Text = {
  decode: (bytes, start, end) => utf8Slice.call(bytes, start, end),
  encode: (text, bytes, at) => utf8Write.call(bytes, text, at),
  byteLength: (text) => Buffer.byteLength(text),
}
