import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { QueueOptions } from '../../../src/client/options.ts'
import { NO_PROPERTIES, Publication } from '../../../src/client/publication.ts'
import { OfflineQueue } from '../../../src/client/queue.ts'
import { fc } from '../../support/fast-check.ts'

function message(name: string, bytes = 0): Publication {
  return new Publication(name, new Uint8Array(bytes), 1, false, NO_PROPERTIES)
}

function queueOf(options: Partial<Required<QueueOptions>>): OfflineQueue {
  return new OfflineQueue({ messages: 1000, bytes: 1_000_000, qos0: 'drop', whenFull: 'reject', ...options })
}

function names(queue: OfflineQueue): string[] {
  const found: string[] = []
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) found.push(next.topic)
  return found
}

const never = () => assert.fail('nothing is given up')

describe('the queue', () => {
  it('rejects what is too many, and says how to change that', () => {
    const queue = queueOf({ messages: 2 })
    queue.add(message('a'), never)
    queue.add(message('b'), never)
    assert.throws(() => queue.add(message('c'), never), {
      code: 'ERR_QUEUE_FULL',
      message: /2 of 2 messages.*queue\.messages/,
    })
    assert.deepEqual(names(queue), ['a', 'b'])
  })

  it('rejects what is too large', () => {
    const queue = queueOf({ bytes: 10 })
    queue.add(message('a', 8), never)
    assert.throws(() => queue.add(message('b', 1), never), { code: 'ERR_QUEUE_FULL' })
    queue.add(message('c'), never)
    assert.equal(queue.bytes, 10)
  })

  it('gives up the oldest, as many as it takes', () => {
    const queue = queueOf({ bytes: 10, whenFull: 'drop-oldest' })
    const gone: string[] = []
    const giveUp = (oldest: Publication, error: { code: string }) => gone.push(`${oldest.topic} ${error.code}`)
    for (const name of ['a', 'b', 'c']) queue.add(message(name, 2), giveUp)
    queue.add(message('d', 5), giveUp)
    assert.deepEqual(gone, ['a ERR_DROPPED', 'b ERR_DROPPED'])
    assert.throws(() => queue.add(message('e', 10), giveUp), { code: 'ERR_QUEUE_FULL' })
    assert.deepEqual(names(queue), ['c', 'd'])
  })

  it('takes all, if the publisher waits', () => {
    const queue = queueOf({ messages: 1, whenFull: 'wait' })
    for (const name of ['a', 'b', 'c']) queue.add(message(name), never)
    assert.deepEqual(names(queue), ['a', 'b', 'c'])
  })

  it('holds nothing at all, if it may not', () => {
    for (const whenFull of ['reject', 'drop-oldest'] as const) {
      assert.throws(() => queueOf({ messages: 0, whenFull }).add(message('a'), never), { code: 'ERR_QUEUE_FULL' })
    }
  })

  it('keeps order and count through all that can be done to it', () => {
    const step = fc.constantFrom('add', 'add', 'add', 'shift', 'remove', 'put back')
    fc.assert(
      fc.property(fc.array(step, { maxLength: 3000, size: 'max' }), (steps) => {
        const queue = queueOf({ messages: 100_000 })
        let model: Publication[] = []
        for (const [i, what] of steps.entries()) {
          if (what === 'add') {
            const added = message(`m${i}`, i % 7)
            queue.add(added, never)
            model.push(added)
          } else if (what === 'shift') {
            assert.equal(queue.shift(), model.shift())
          } else if (what === 'remove') {
            const removed = model[i % Math.max(1, model.length)]
            if (removed !== undefined) assert.equal(queue.remove(removed), true)
            model = model.filter((other) => other !== removed)
            assert.equal(queue.remove(message('unknown')), false)
          } else {
            const again = [message(`again${i}`), message(`again${i}b`)]
            queue.putBack(again)
            model.unshift(...again)
          }
          assert.equal(queue.size, model.length)
          assert.equal(queue.peek(), model[0])
        }
        assert.equal(
          queue.bytes,
          model.reduce((sum, { bytes }) => sum + bytes, 0),
        )
      }),
      { numRuns: 15 },
    )
  })
})
