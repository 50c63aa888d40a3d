import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { describe, it } from 'node:test'
import { PacketType } from '../../../src/protocol/index.ts'
import { PATIENCE_MS } from '../../support/patience.ts'
import type { Peer } from './support/scripted-broker.ts'
import { scene } from './support/with-broker.ts'

const stage = scene()
const door = new URL('../../../src/client/index.js', import.meta.url).href

/** Runs a program with `connect` and the broker's `url`; resolves to its exit code and output when it ends by itself. */
function run(program: string): Promise<{ code: number | null; output: string }> {
  const source = `import { connect } from ${JSON.stringify(door)}\nconst url = ${JSON.stringify(stage.broker.url)}\n${program}`
  const child = spawn(process.execPath, ['--input-type=module', '--eval', source], { timeout: PATIENCE_MS })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (bytes) => {
      output += bytes
    })
  }
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, output })))
}

describe('a program', () => {
  const programs: [string, string, (peer: Peer) => Promise<unknown>][] = [
    [
      'that closes',
      `const c = await connect(url); await c.close(); console.log('end')`,
      (peer) => peer.expect(PacketType.Disconnect),
    ],
    [
      'that drains',
      `const c = await connect(url); void c.publish('a', 'b', { qos: 1 }); await c.drain(); console.log('end')`,
      async (peer) => {
        await peer.acknowledge()
        await peer.expect(PacketType.Disconnect)
      },
    ],
    [
      'that looks after nothing',
      `const c = await connect(url)
       void c.publish('a', 'b', { qos: 1 }); void c.publish('a/#', '')
       await c.close(); console.log('end')`,
      (peer) => peer.expect(PacketType.Publish),
    ],
    [
      'whose identifier is taken over',
      `const c = await connect(url); console.log((await c.closed).code, 'end')`,
      async (peer) => peer.send({ type: PacketType.Disconnect, reasonCode: 0x8e, properties: {} }),
    ],
    [
      'that is refused',
      `await connect(url).catch((e) => console.log(e.code, 'end'))`,
      (peer) => peer.welcome({ reasonCode: 0x87 }),
    ],
  ]
  for (const [what, program, act] of programs) {
    it(`${what} ends by itself, without a complaint`, async () => {
      const running = run(program)
      const peer = await stage.broker.accept()
      if (what !== 'that is refused') await peer.welcome()
      await act(peer)
      const { code, output } = await running
      assert.match(output, /^(ERR_[A-Z_]+ )?end\n$/)
      assert.equal(code, 0)
    })
  }
})
