import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { BrokerEvent } from '../../../src/broker/index.ts'
import { TestCore } from '../../support/core.ts'

/** The names of what a sink was told. */
function listener(): { ids: string[]; sink: (event: BrokerEvent) => void } {
  const ids: string[] = []
  return { ids, sink: ({ id }) => void ids.push(id) }
}

describe('who is told of events', () => {
  it('may be several, who come and go while the broker runs', () => {
    const core = new TestCore()
    const [early, late] = [listener(), listener()]
    const remove = core.broker.addSink(early.sink)
    core.client({ clientId: 'a' }).drop()
    core.broker.addSink(late.sink)
    remove()
    remove()
    core.client({ clientId: 'b' }).drop()
    assert.deepEqual(early.ids, ['clientConnected', 'clientDisconnected'])
    assert.deepEqual(late.ids, ['clientConnected', 'clientDisconnected'])
    assert.equal(core.count('clientConnected'), 2)
  })

  it('twice, if it was added twice, and once less for each that is taken out', () => {
    const core = new TestCore()
    const { ids, sink } = listener()
    const remove = core.broker.addSink(sink)
    core.broker.addSink(sink)
    core.client()
    remove()
    core.client()
    assert.equal(ids.length, 3)
  })

  it('hears all though another throws, and of that once', async () => {
    const core = new TestCore()
    core.tellFailures()
    core.broker.addSink(() => {
      throw new Error('planted')
    })
    core.broker.addSink((async () => {
      throw new Error('planted, later')
    }) as () => void)
    const { ids, sink } = listener()
    core.broker.addSink(sink)
    for (let i = 0; i < 3; i++) {
      core.client()
      await new Promise((resolve) => setImmediate(resolve))
    }
    core.turn(() => {})
    assert.equal(ids.filter((id) => id === 'clientConnected').length, 3)
    const errors = core.events.filter(({ id }) => id === 'internalError').map(({ details }) => String(details['error']))
    assert.equal(errors.length, 1)
    assert.match(errors[0]!, /planted/)
  })

  it('may come and go while an event is told', () => {
    const core = new TestCore()
    const later = listener()
    const remove = core.broker.addSink(() => {
      remove()
      core.broker.addSink(later.sink)
    })
    core.client()
    core.client()
    assert.deepEqual(later.ids, ['clientConnected'])
  })
})
