import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parseTopicFilter, type TopicFilter, topicMatches, topicNameError } from '../../../src/topics/index.ts'

const on = { starWildcard: true, sysAlias: true }
const off = { starWildcard: false, sysAlias: false }

function parsed(source: string, options: typeof on = on): TopicFilter {
  const filter = parseTopicFilter(source, options)
  assert.ok(!('error' in filter), `${source}: ${'error' in filter ? filter.error : ''}`)
  return filter
}

describe('a topic name', () => {
  const good = ['a', '/', '//', '/a', 'a/', 'a//b', ' ', '$', '$SYS/x', '*', 'a/*/b', 'Grüße/日本', 'a'.repeat(65_535)]
  for (const topic of good) {
    it(`may be ${JSON.stringify(topic.slice(0, 20))}`, () => assert.equal(topicNameError(topic), null))
  }

  const bad: [topic: string, words: RegExp, rule: string][] = [
    ['', /at least one character/, '[MQTT-4.7.3-1]'],
    ['+', /'\+'/, '[MQTT-4.7.0-1]'],
    ['a/+/b', /'\+'/, '[MQTT-4.7.0-1]'],
    ['a+', /'\+'/, '[MQTT-4.7.0-1]'],
    ['#', /'#'/, '[MQTT-4.7.0-1]'],
    ['a#b', /'#'/, '[MQTT-4.7.0-1]'],
    ['a\0b', /U\+0000/, '[MQTT-4.7.3-2]'],
  ]
  for (const [topic, words, rule] of bad) {
    it(`may not be ${JSON.stringify(topic)} ${rule}`, () => assert.match(topicNameError(topic) ?? '', words))
  }
})

describe('a topic filter', () => {
  const good = [
    '#',
    '+',
    '/',
    '+/+',
    '/+',
    '+/',
    'a/#',
    '+/#',
    '/#',
    'a/+/b',
    'a//#',
    '$SYS/#',
    '$share',
    '$shared/a/b',
  ]
  for (const source of good) {
    it(`may be ${source}`, () => {
      const { filter, share, wildcard, rewritten } = parsed(source)
      assert.equal(filter, source)
      assert.equal(share, null)
      assert.equal(wildcard, /[+#]/.test(source))
      assert.equal(rewritten, null)
    })
  }

  const bad: [source: string, words: RegExp, rule: string][] = [
    ['', /at least one character/, '[MQTT-4.7.3-1]'],
    ['a\0', /U\+0000/, '[MQTT-4.7.3-2]'],
    ['a#', /alone in its level/, '[MQTT-4.7.1-1]'],
    ['a/b#', /alone in its level/, '[MQTT-4.7.1-1]'],
    ['a/#/b', /last character/, '[MQTT-4.7.1-1]'],
    ['#/', /last character/, '[MQTT-4.7.1-1]'],
    ['##', /last character/, '[MQTT-4.7.1-1]'],
    ['a/#b', /last character/, '[MQTT-4.7.1-1]'],
    ['+#', /alone in its level/, '[MQTT-4.7.1-1]'],
    ['a+', /alone in its level/, '[MQTT-4.7.1-2]'],
    ['+a', /alone in its level/, '[MQTT-4.7.1-2]'],
    ['a/b+/c', /alone in its level/, '[MQTT-4.7.1-2]'],
    ['++', /alone in its level/, '[MQTT-4.7.1-2]'],
    ['+/a/++', /alone in its level/, '[MQTT-4.7.1-2]'],
    ['$share/', /share name.*must not be empty/, '[MQTT-4.8.2-1]'],
    ['$share//x', /share name.*must not be empty/, '[MQTT-4.8.2-1]'],
    ['$share/g', /must follow '\$share\/g\/'/, '[MQTT-4.8.2-2]'],
    ['$share/g/', /must follow '\$share\/g\/'/, '[MQTT-4.8.2-2]'],
    ['$share/a+b/x', /share name must not contain/, '[MQTT-4.8.2-2]'],
    ['$share/#/x', /share name must not contain/, '[MQTT-4.8.2-2]'],
    ['$share/g/a#', /alone in its level/, '[MQTT-4.7.1-1]'],
    ['$share/g/#/a', /last character/, '[MQTT-4.7.1-1]'],
    ['$share/g/a+', /alone in its level/, '[MQTT-4.7.1-2]'],
  ]
  for (const [source, words, rule] of bad) {
    it(`may not be ${JSON.stringify(source)} ${rule}`, () => {
      for (const options of [on, off]) {
        const filter = parseTopicFilter(source, options)
        assert.ok('error' in filter)
        assert.match(filter.error, words)
      }
    })
  }

  const shared: [source: string, share: string, filter: string][] = [
    ['$share/g/a', 'g', 'a'],
    ['$share/g/#', 'g', '#'],
    ['$share/g//', 'g', '/'],
    ['$share/g//a', 'g', '/a'],
    ['$share/a b*/+/x', 'a b*', '+/x'],
    ['$share/g/$SYS/#', 'g', '$SYS/#'],
    ['$share/g/$share/h/a', 'g', '$share/h/a'],
  ]
  for (const [source, share, filter] of shared) {
    it(`${source} is shared by ${share}`, () => {
      const result = parsed(source)
      assert.deepEqual([result.share, result.filter, result.source], [share, filter, source])
    })
  }

  const rewrites: [source: string, filter: string, rewritten: TopicFilter['rewritten']][] = [
    ['*', '+', 'star'],
    ['a/*', 'a/+', 'star'],
    ['*/*/#', '+/+/#', 'star'],
    ['home/sensor1/*/*', 'home/sensor1/+/+', 'star'],
    ['a*/*b/**/#', 'a*/*b/**/#', null],
    ['$sys/#', '$SYS/#', 'sys'],
    ['$Sys', '$SYS', 'sys'],
    ['$sYS/broker/*', '$SYS/broker/+', 'both'],
    ['$SYS/*', '$SYS/+', 'star'],
    ['$system/#', '$system/#', null],
    ['a/$sys/#', 'a/$sys/#', null],
    ['$\u017fy\u017f/a', '$\u017fy\u017f/a', null],
    ['$share/*/$sys/*', '$SYS/+', 'both'],
  ]
  for (const [source, filter, rewritten] of rewrites) {
    it(`${source} means ${filter}`, () => {
      const result = parsed(source)
      assert.deepEqual([result.filter, result.rewritten, result.source], [filter, rewritten, source])
      assert.equal(result.wildcard, /[+#]/.test(filter))
    })
    it(`${source} means what it says where that is switched off`, () => {
      const result = parsed(source, off)
      assert.equal(result.filter, source.replace('$share/*/', ''))
      assert.equal(result.rewritten, null)
    })
  }

  it('of 200 levels, or of 65,535 slashes, is a filter like any other', () => {
    assert.equal(parsed(Array(200).fill('+').join('/')).wildcard, true)
    assert.equal(parsed('/'.repeat(65_535)).wildcard, false)
    assert.equal(parsed(`${'+/'.repeat(32_767)}#`).wildcard, true)
  })
})

describe('topicMatches', () => {
  const rows: [filter: string, matching: string[], other: string[]][] = [
    ['a/b', ['a/b'], ['a', 'a/b/', '/a/b', 'a/B', 'A/b', 'a/b/c', 'a/bb', 'aa/b']],
    ['#', ['a', '/', 'a/b', '/a', ' '], ['$SYS', '$SYS/x', '$', '$a/b']],
    ['+', ['a', ' ', '*'], ['/', 'a/b', '/a', '$SYS', '$']],
    ['+/+', ['/', 'a/b', '/a', 'a/'], ['a', 'a/b/c', '$SYS/x', '//']],
    ['/+', ['/a', '/', '/$SYS'], ['a', 'a/b', '/a/b', '//']],
    ['sport/#', ['sport', 'sport/', 'sport/a', 'sport/a/b', 'sport//'], ['sports', 'Sport', 'a/sport']],
    ['sport/+', ['sport/', 'sport/a'], ['sport', 'sport/a/b']],
    ['sport/+/#', ['sport/', 'sport/a', 'sport/a/b'], ['sport']],
    ['+/#', ['a', 'a/b', '/', '/a'], ['$SYS', '$SYS/a']],
    ['+/x', ['a/x', '/x'], ['$SYS/x', 'x', 'a/b/x']],
    ['/#', ['/', '/a', '/a/b'], ['a', 'a/']],
    ['a//b', ['a//b'], ['a/b', 'a///b', 'a/x/b']],
    ['a/+/b', ['a//b', 'a/x/b', 'a/$x/b'], ['a/b', 'a/x/y/b']],
    ['$SYS/#', ['$SYS', '$SYS/x', '$SYS/x/y'], ['$sys/x', 'SYS/x']],
    ['$SYS/+/x', ['$SYS/a/x', '$SYS//x'], ['$SYS/x']],
    ['a/b/#', ['a/b', 'a/b/c'], ['a', 'a/c']],
    ['\u00e9', ['\u00e9'], ['e\u0301']],
    ['a*/b', ['a*/b'], ['ax/b']],
  ]
  for (const [filter, matching, other] of rows) {
    it(`${filter}: ${matching.length} that match, ${other.length} that do not`, () => {
      for (const topic of matching) assert.equal(topicMatches(filter, topic), true, topic)
      for (const topic of other) assert.equal(topicMatches(filter, topic), false, topic)
    })
  }

  it('knows a `*` that was rewritten, also in the first level of a name that starts with `$` [MQTT-4.7.2-1]', () => {
    assert.equal(topicMatches(parsed('*/x').filter, 'a/x'), true)
    assert.equal(topicMatches(parsed('*/x').filter, '$SYS/x'), false)
    assert.equal(topicMatches(parsed('$share/g/*/x').filter, '$SYS/x'), false)
    assert.equal(topicMatches(parsed('$sys/*').filter, '$SYS/x'), true)
  })

  it('takes names and filters of 65,535 slashes', () => {
    const slashes = '/'.repeat(65_535)
    assert.equal(topicMatches(slashes, slashes), true)
    assert.equal(topicMatches(`${'+/'.repeat(32_767)}#`, slashes), true)
    assert.equal(topicMatches(`${'+/'.repeat(32_767)}+`, slashes), false)
  })
})
