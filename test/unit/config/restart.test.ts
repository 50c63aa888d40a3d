import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { defaultConfig, needRestart, parseConfig } from '../../../src/config/index.ts'

function good(...lines: string[]) {
  const { config, problems } = parseConfig(lines.join('\n'), 'x.conf')
  assert.deepEqual(problems, [])
  return config
}

describe('which options need a restart', () => {
  it('those that are marked so, and have another value than before', () => {
    const before = good('persistence true', 'star_wildcard false', 'max_queued_messages 3', 'pid_file a')
    const after = good('persistence false', 'star_wildcard false', 'max_queued_messages 4', 'pid_file b')
    assert.deepEqual(needRestart(before, after), ['persistence', 'pid_file'])
    assert.deepEqual(needRestart(before, before), [])
    assert.deepEqual(needRestart(after, defaultConfig()), ['pid_file', 'star_wildcard'])
  })

  it('of a listener, if it is there before and after', () => {
    const before = good('listener 1884', 'max_qos 1', 'listener 1885')
    const after = good(
      'listener 1885',
      'socket_domain ipv6',
      'listener 1884',
      'max_qos 0',
      'listener 1886',
      'socket_domain ipv4',
    )
    assert.deepEqual(needRestart(before, after), ['socket_domain'])
    assert.deepEqual(needRestart(before, good('listener 1887')), [])
  })
})
