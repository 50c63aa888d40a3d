/**
 * Bytes to text and back, handed in by the edge: these floors may not name Buffer or TextDecoder, and the fastest way
 * differs between Node and a browser. The codec checks that bytes are well-formed UTF-8 before it asks for their text.
 */
export interface Text {
  /** The text of bytes[start..end), which are well-formed UTF-8. A leading U+FEFF stays [MQTT-1.5.4-3]. */
  decode(bytes: Uint8Array, start: number, end: number): string
  /** Writes the UTF-8 form of text into bytes from `at` on, where there is room; returns how many bytes it took. */
  encode(text: string, bytes: Uint8Array, at: number): number
  /** The length in bytes of the UTF-8 form of text. */
  byteLength(text: string): number
}
