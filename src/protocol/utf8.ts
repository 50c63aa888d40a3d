/**
 * -1 if bytes[start..end) is well-formed UTF-8 without U+0000 [MQTT-1.5.4-1] [MQTT-1.5.4-2], else the offset of the first
 * byte of what is wrong.
 */
export function malformedTextAt(bytes: Uint8Array, start: number, end: number): number {
  let at = start
  while (at < end) {
    const lead = bytes[at]!
    if (lead < 0x80) {
      if (lead === 0) return at
      at++
    } else {
      const length = sequenceLength(bytes, at, end, lead)
      if (length === 0) return at
      at += length
    }
  }
  return -1
}

/** The length of the sequence of two to four bytes at `at`, or 0 if it is not well-formed (Unicode, table 3-7). */
function sequenceLength(bytes: Uint8Array, at: number, end: number, lead: number): number {
  if (lead < 0xc2 || lead > 0xf4) return 0
  const length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4
  if (at + length > end) return 0
  const second = bytes[at + 1]!
  // Overlong forms, the surrogates U+D800..U+DFFF, and what lies beyond U+10FFFF, show in the second byte.
  const least = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80
  const most = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf
  if (second < least || second > most) return 0
  if (length > 2 && (bytes[at + 2]! & 0xc0) !== 0x80) return 0
  if (length > 3 && (bytes[at + 3]! & 0xc0) !== 0x80) return 0
  return length
}

const PLUS = 0x2b
const HASH = 0x23
const COMMA = 0x2c

/**
 * The offset of the first byte from which on it takes a closer look to know whether bytes[start..end) is a Topic Name, or
 * -1 if it certainly is one: the quick way for ASCII, without U+0000 and wildcards. One comparison serves nearly every
 * byte, because all that needs a look lies below ',' or from 0x80 on.
 */
export function notPlainTopicAt(bytes: Uint8Array, start: number, end: number): number {
  for (let at = start; at < end; at++) {
    const byte = bytes[at]!
    if (byte < COMMA || byte > 0x7f) {
      if (byte === 0 || byte === PLUS || byte === HASH || byte > 0x7f) return at
    }
  }
  return -1
}

/** The offset of the first wildcard character [MQTT-3.3.2-2], or -1. */
export function wildcardAt(bytes: Uint8Array, start: number, end: number): number {
  for (let at = start; at < end; at++) {
    const byte = bytes[at]!
    if (byte === PLUS || byte === HASH) return at
  }
  return -1
}
