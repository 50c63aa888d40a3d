import type { Text } from '../protocol/index.ts'

// Every JavaScript platform has these two; this folder is compiled without the types of any.
declare const TextEncoder: new () => {
  encode(text: string): Uint8Array
  encodeInto(text: string, bytes: Uint8Array): { written: number }
}
declare const TextDecoder: new (
  label: 'utf-8',
  options: { ignoreBOM: boolean },
) => { decode(bytes: Uint8Array): string }

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

/** The `Text` of a browser, or of any other platform; Node has a faster one. */
export const webText: Text = {
  decode: (bytes, start, end) => decoder.decode(bytes.subarray(start, end)),
  encode: (text, bytes, at) => encoder.encodeInto(text, bytes.subarray(at)).written,
  byteLength: (text) => encoder.encode(text).length,
}
