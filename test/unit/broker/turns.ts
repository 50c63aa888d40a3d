import assert from 'node:assert/strict'
import { type Packet, PacketType } from '../../../src/protocol/index.ts'
import type { TestCore } from '../../support/core.ts'
import { encodeToBytes } from '../protocol/support.ts'

/** What a bystander sends. */
export const PING: Uint8Array = encodeToBytes({ type: PacketType.Pingreq }, 5)

/** Runs turns until nothing is left. In each a bystander sends a PINGREQ, which must be answered in that turn. */
export function turns(core: TestCore, act: () => void, everyTurn: () => void = () => {}): number {
  const bystander = core.client()
  core.broker.began()
  act()
  let turns = 0
  for (let more = true; more; turns++) {
    bystander.connection.receive(PING, 0, PING.length)
    more = core.broker.endTurn()
    assert.deepEqual(
      bystander.take().map(({ type }) => type),
      [PacketType.Pingresp],
    )
    everyTurn()
    core.broker.began()
  }
  return turns
}

/** Several packets, as they come in one read. */
export const bytesOf = (...packets: Packet[]): Uint8Array => {
  const parts = packets.map((packet) => encodeToBytes(packet, 5))
  return Uint8Array.from(parts.flatMap((part) => [...part]))
}
