import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Got, judge, type Published, type Story, type Subscribed } from './verdict.ts'

/** Numbers up to `last` that are not retained. */
const upTo = (last: number): number[] => Array.from({ length: last }, (_, i) => i + 1).filter((n) => n !== 10)
const got = (before: number[], after: number[]): Got => ({ before, after, later: [], doneAt: new Map([[5, 14]]) })
const subscribed = (p: Got, q: Got): Subscribed => ({
  qos: 2,
  from: new Map([
    ['p', p],
    ['q', q],
  ]),
})
const away = (p: number[], q: number[]): Subscribed => subscribed(got([], p), got([], q))

function published(name: string, shift: number): Published {
  const numbers = Array.from({ length: 12 }, (_, i) => i + 1)
  return {
    name,
    qos: 2,
    sentAt: new Map(numbers.map((n) => [n, 2 * n + shift])),
    acknowledgedAt: new Map(numbers.map((n) => [n, 2 * n + shift + 0.5])),
    again: [],
    sessionLost: false,
  }
}

/** p and q sent 12 messages each, in turn, a millisecond apart; each was acknowledged half a millisecond later. */
const SOUND: Story = {
  publishers: [published('p', 0), published('q', 1)],
  away: away(upTo(12), upTo(12)),
  online: [subscribed(got(upTo(5), upTo(12).slice(5)), got(upTo(5), upTo(12).slice(5)))],
  retained: new Map([
    ['p', 10],
    ['q', 10],
  ]),
  cutAt: 26,
  mayLose: 0,
}

const againTo = (after: number[]): Subscribed[] => [subscribed(got(upTo(5), after), got(upTo(5), upTo(12).slice(5)))]
const publishers = (change: Partial<Published>): Published[] => SOUND.publishers.map((each) => ({ ...each, ...change }))

/** What is not as it was in the sound story, and what is then found. */
const plants: Record<string, [Partial<Story>, Record<string, number>]> = {
  nothing: [{}, {}],
  'a message that is gone, and was acknowledged too long ago for that': [
    { away: away(upTo(11), upTo(12)), online: [], mayLose: 0.1 },
    { lost: 1, inverted: 1 },
  ],
  'nothing where the last ones are gone, and may be': [{ away: away(upTo(11), upTo(11)), online: [], mayLose: 3 }, {}],
  'a hole': [{ away: away([1, 2, 4, ...upTo(12).slice(4)], upTo(12)) }, { holes: 1, undelivered: 1 }],
  disorder: [{ away: away([2, 1, ...upTo(12).slice(2)], upTo(12)) }, { disordered: 1 }],
  'a retained message that is older than the rest': [{ retained: new Map([['q', 10]]) }, { retainedWrong: 1 }],
  'a message that is gone, though a later one of another publisher is there': [
    { away: away(upTo(9), upTo(12)), retained: new Map([['q', 10]]), online: [], mayLose: 100 },
    { inverted: 1 },
  ],
  'what was not kept for all': [{ online: [subscribed(got([], []), got(upTo(12), []))] }, { undelivered: 11 }],
  'what only some have': [{ away: away(upTo(11), upTo(11)), mayLose: 100 }, { phantoms: 2 }],
  'a QoS 2 message once more': [{ online: againTo([5, ...upTo(12).slice(5)]) }, { repeatedQoS2: 1 }],
  'a QoS 2 message once more, that was done with too long ago for that': [
    { online: againTo([5, ...upTo(12).slice(5)]), mayLose: 3 },
    { repeatedQoS2: 1 },
  ],
  'nothing where a QoS 2 message comes once more, and may': [
    { online: againTo([5, ...upTo(12).slice(5)]), mayLose: 13 },
    {},
  ],
  'a message that was sent again, and came to nobody': [{ publishers: publishers({ again: [13] }) }, { lostLater: 4 }],
  'messages without the Session that they came in': [
    { publishers: publishers({ sessionLost: true }) },
    { sessionsLost: 2 },
  ],
}

describe('the judge of power cuts', () => {
  for (const [name, [plant, expected]] of Object.entries(plants)) {
    it(`finds ${name}`, () => {
      const { acknowledged, given, ...wrong } = judge({ ...SOUND, ...plant })
      assert.deepEqual(Object.fromEntries(Object.entries(wrong).filter(([, count]) => count > 0)), expected)
      assert.ok(acknowledged === 24 && given <= 3)
    })
  }
})
