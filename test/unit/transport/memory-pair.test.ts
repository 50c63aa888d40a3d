import assert from 'node:assert/strict'
import { it } from 'node:test'
import { memoryPair } from '../../../src/transport/index.ts'
import { BrokerSide, type ClientEnd, transportContract } from './contract.ts'

function connect(side: BrokerSide): ClientEnd {
  side.began()
  const transport = memoryPair(side, setImmediate)
  let over = false
  let told: () => void
  const end: ClientEnd = {
    bytes: [],
    closed: new Promise((resolve) => {
      told = resolve
    }),
    send: (bytes) => void transport.send(null, bytes, 0, bytes.length),
    pause: () => transport.pause(),
    resume: () => transport.resume(),
    close: () => transport.close(),
    abort: () => transport.abort(),
    onNews: () => {},
  }
  transport.start({
    received: (bytes, start, to) => {
      assert.ok(!over, 'nothing may come after the end')
      end.bytes.push(bytes.slice(start, to))
      end.onNews()
    },
    drained: () => assert.ok(!over, 'nothing may come after the end'),
    closed: (error) => {
      assert.ok(!over, 'the end is told once')
      assert.equal(error, null)
      over = true
      told()
    },
  })
  return end
}

transportContract('in memory', async (side) => ({
  kind: 'in-process',
  host: null,
  address: /^in-process$/,
  connect: async () => connect(side),
  close: () => {},
}))

it('transport: in memory tells the client when the broker has taken what was too much at once', async () => {
  const side = new BrokerSide()
  side.began()
  const transport = memoryPair(side, setImmediate)
  const drained = new Promise<void>((resolve) => {
    transport.start({ received: () => {}, drained: resolve, closed: () => {} })
  })
  const bytes = new Uint8Array(1_500_000)
  assert.equal(transport.send(null, bytes, 0, bytes.length), false)
  await drained
  assert.equal(transport.send(null, bytes, 0, 10), true)
  transport.close()
})
