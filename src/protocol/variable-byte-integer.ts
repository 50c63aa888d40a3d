/** The largest value of a Variable Byte Integer, and so the longest that a packet can be after its fixed header. */
export const LARGEST_VARIABLE = 268_435_455

/** Bytes of the largest packet, with its fixed header. */
export const LARGEST_PACKET: number = 5 + LARGEST_VARIABLE

/** How many bytes the value takes, 1..4. */
export function variableLength(value: number): number {
  return value < 128 ? 1 : value < 16_384 ? 2 : value < 2_097_152 ? 3 : 4
}

/** Writes the value in as few bytes as it takes [MQTT-1.5.5-1]; returns where they end. */
export function writeVariable(bytes: Uint8Array, at: number, value: number): number {
  let rest = value
  let next = at
  while (rest > 127) {
    bytes[next++] = (rest & 127) | 128
    rest >>= 7
  }
  bytes[next++] = rest
  return next
}
