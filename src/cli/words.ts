import { Buffer, isUtf8 } from 'node:buffer'
import { readFileSync } from 'node:fs'

/**
 * Words of the command line. They are bytes, and Node makes text of them: what is not UTF-8 becomes U+FFFD, and is lost. Here
 * each byte of such a word that is no part of a character becomes a lone surrogate, U+DC80 to U+DCFF, which no text has
 * (Python does the same), so that a payload can be sent as it was typed, and a topic refused.
 */
const FIRST_ESCAPE = 0xdc00
/** In place of U+FFFD, where nothing tells whether it was typed or put in by Node. */
const UNKNOWN = '\ud800'
const REPLACEMENT = '\ufffd'

/** Some of it is not UTF-8, or may not be. */
export function isBroken(word: string): boolean {
  return /\p{Surrogate}/u.test(word)
}

/** The bytes of a word, or null if they are not known. */
export function bytesOf(word: string): Uint8Array | null {
  if (!isBroken(word)) return Buffer.from(word, 'utf8')
  if (word.includes(UNKNOWN)) return null
  const parts = Array.from(word, (character) => {
    const code = character.charCodeAt(0)
    const escaped = character.length === 1 && code >= FIRST_ESCAPE + 0x80 && code <= FIRST_ESCAPE + 0xff
    return escaped ? Buffer.of(code - FIRST_ESCAPE) : Buffer.from(character, 'utf8')
  })
  return Buffer.concat(parts)
}

/** The word that these bytes are. */
export function wordOf(bytes: Uint8Array): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  if (isUtf8(buffer)) return buffer.toString('utf8')
  let word = ''
  for (let at = 0; at < buffer.length; ) {
    const length = [1, 2, 3, 4].find((n) => at + n <= buffer.length && isUtf8(buffer.subarray(at, at + n)))
    word +=
      length === undefined ? String.fromCharCode(FIRST_ESCAPE + buffer[at]!) : buffer.toString('utf8', at, at + length)
    at += length ?? 1
  }
  return word
}

/** The last words of the command line, as Node has them, with what Node has replaced. */
export function originalWords(words: readonly string[]): readonly string[] {
  if (!words.some((word) => word.includes(REPLACEMENT))) return words
  const originals = lastArguments(words.length)
  return words.map((word, i) => {
    const original = originals?.[i]
    if (original?.toString('utf8') === word) return wordOf(original)
    return word.replaceAll(REPLACEMENT, UNKNOWN)
  })
}

/** Linux keeps the bytes that the process was started with. */
function lastArguments(count: number): readonly Buffer[] | null {
  try {
    const all = readFileSync('/proc/self/cmdline')
    const words: Buffer[] = []
    for (let at = 0; at < all.length; ) {
      const end = all.indexOf(0, at)
      words.push(all.subarray(at, end < 0 ? all.length : end))
      at = end < 0 ? all.length : end + 1
    }
    return words.slice(-count)
  } catch {
    return null
  }
}
