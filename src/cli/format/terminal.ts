import { Buffer, isUtf8 } from 'node:buffer'
import { utf8AsBinary, view } from './binary.ts'

/** Control characters of C0 and C1, and those that turn the direction of writing: what comes must not drive a terminal. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
const DANGEROUS = /[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g
const SHORT: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }

/** Bytes of a payload that is not text of which so many are shown. */
const SHOWN_BYTES = 256

function escaped(character: string): string {
  const code = character.charCodeAt(0)
  if (code > 0xff) return `\\u{${code.toString(16)}}`
  return SHORT[character] ?? `\\x${code.toString(16).padStart(2, '0')}`
}

/** A topic or property, with control characters as escapes. */
export function safeText(text: string): string {
  return text.replace(DANGEROUS, escaped)
}

/** A payload: text with its line ends and tabs, other control characters as escapes; or bytes in hexadecimal. */
export function safePayload(payload: Uint8Array): Uint8Array {
  if (!isUtf8(payload) || payload.includes(0)) return Buffer.from(hexadecimal(payload))
  const text = view(payload).toString('utf8')
  return Buffer.from(text.replace(DANGEROUS, (c) => (c === '\n' || c === '\t' ? c : escaped(c))))
}

function hexadecimal(bytes: Uint8Array): string {
  const shown = view(bytes.subarray(0, SHOWN_BYTES))
    .toString('hex')
    .replace(/..(?=.)/g, '$& ')
  return bytes.length > SHOWN_BYTES ? `${shown} ... (${bytes.length} bytes)` : shown
}

/** JSON of which each character is one byte; the result is of the same kind. */
export function safeJson(binary: string): string {
  const text = Buffer.from(binary, 'latin1').toString('utf8')
  const json = text.replace(DANGEROUS, (c) =>
    c === '\n' || c === '\t' ? c : `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
  return utf8AsBinary(json)
}
