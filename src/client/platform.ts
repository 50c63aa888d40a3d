/** All that differs between Node and a browser, in one file: a browser's build replaces this one. */
import type { Text } from '../protocol/index.ts'
import { dial, nodeText } from '../transport/index.ts'

export const text: Text = nodeText

/** Runs the callback once what is being done now, and what waits in microtasks, is done: then packets go out in one write. */
export const afterTurn: (callback: () => void) => void = (callback) => {
  setImmediate(callback)
}

/** For people who look at what the program prints, and not at its events. */
export function warn(words: string): void {
  process.emitWarning(words, 'MqttWarning')
}

export { dial }
