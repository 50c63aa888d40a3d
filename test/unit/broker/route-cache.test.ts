import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Bounds, defaultBounds } from '../../../src/broker/index.ts'
import { TestCore } from '../../support/core.ts'
import { unsubscribe } from '../../support/packets.ts'

const tiny: Record<string, Partial<Bounds>> = {
  'one topic': { routesCached: 1 },
  'two topics in one bucket': { routesCached: 2, routesPerBucket: 2 },
  'no topic at all': { routeTopicBytesCached: 1 },
  'no route at all': { routeBytesCached: 1 },
  'what one review leaves': { routesReviewed: 1, idleRouteRounds: 1, connectionsReviewed: 1 },
}

describe('a cache of routes for', () => {
  for (const [what, bounds] of Object.entries(tiny)) {
    it(`${what} sends each message to who is subscribed just then`, () => {
      const core = new TestCore({ bounds: { ...defaultBounds, ...bounds } })
      const publishers = [core.client(), core.client(), core.client()]
      const early = core.client()
      const late = core.client()
      for (let round = 0; round < 6; round++) {
        const topic = `house/${round % 3}`
        early.subscribe(topic)
        for (const publisher of publishers) publisher.publish(topic, 'first')
        // They go on with other topics, or with the same one, while others come and go.
        publishers[0]!.publish('else/where', 'x')
        publishers[1]!.publish(`${topic}/below`, 'x')
        if (round % 2 === 1) core.pass(20)
        late.subscribe(topic)
        early.send(unsubscribe(2, [topic]))
        for (const publisher of publishers) publisher.publish(topic, 'second')
        late.send(unsubscribe(2, [topic]))
        publishers[2]!.publish(topic, 'third')
        assert.deepEqual(early.payloads(), ['first', 'first', 'first'])
        assert.deepEqual(late.payloads(), ['second', 'second', 'second'])
      }
    })
  }
})

describe('a route', () => {
  it('weighs what it holds: topic, deliveries, what was merged for it, identifiers and groups', () => {
    const weigh = (prepare: (core: TestCore) => void, topic = 'a/b'): number => {
      const core = new TestCore()
      prepare(core)
      return core.broker.core.router.routeOf(topic).bytes
    }
    const bare = weigh(() => {})
    const long = `a/${'b'.repeat(1000)}`
    assert.ok(weigh(() => {}, long) >= bare + 1000)
    const many = weigh((core) => {
      for (let i = 0; i < 100; i++) core.client().subscribe('a/b')
    })
    assert.ok(many >= bare + 800)
    const merged = weigh((core) => {
      const client = core.client()
      for (const [i, filter] of ['a/b', 'a/+', '+/b', '#', 'a/#', '+/+'].entries()) client.subscribe(filter, {}, i + 1)
    })
    assert.ok(merged >= bare + 6 * 8 + 8)
    const groups = weigh((core) => {
      const client = core.client()
      for (let i = 0; i < 100; i++) client.subscribe(`$share/${i}/#`)
    })
    assert.ok(groups >= bare + 800)
  })

  it('that is old does not live on in a connection that publishes no more', () => {
    const core = new TestCore()
    const publishers = Array.from({ length: 200 }, () => core.client())
    const holding = (): number => publishers.filter(({ connection }) => connection.route !== null).length
    for (const [i, publisher] of publishers.entries()) publisher.publish(`a/${i}`, 'x')
    assert.equal(holding(), 200)
    core.client().subscribe('#')
    core.pass(10)
    assert.equal(holding(), 0)
  })
})
