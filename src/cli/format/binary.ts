import { Buffer } from 'node:buffer'

/**
 * Where widths count bytes and payloads need not be UTF-8, bytes are worked on as text of which each character is one
 * byte, U+0000..U+00FF: 'binary' text.
 */
export function toBinary(bytes: Uint8Array): string {
  return view(bytes).toString('latin1')
}

/** The UTF-8 form of the text, as binary text. */
export function utf8AsBinary(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1')
}

/** The same bytes with Buffer's methods; nothing is copied. */
export function view(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
