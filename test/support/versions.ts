import type { ProtocolVersion } from '../../src/protocol/index.ts'

/** Each version of MQTT, with its name for people: for tests of what holds in all of them. */
export const versions: readonly { version: ProtocolVersion; name: string }[] = [
  { version: 3, name: 'MQTT 3.1' },
  { version: 4, name: 'MQTT 3.1.1' },
  { version: 5, name: 'MQTT 5.0' },
]
