import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { describeProblem, type Include, parseConfig } from '../../../src/config/index.ts'

/** `include_dir`: the files that a folder is said to have, by name, with their lines. */
function read(lines: readonly string[], folder: Readonly<Record<string, readonly string[]>> = {}) {
  const asked: string[] = []
  const include: Include = (path) => {
    asked.push(path)
    return Object.entries(folder).map(([name, text]) => ({ file: `${path}/${name}`, text: text.join('\n') }))
  }
  const { config, problems } = parseConfig(lines.join('\n'), 'x.conf', include)
  return { config, said: problems.map(describeProblem), asked }
}

describe('include_dir', () => {
  it('reads the files where it stands; a path may have blanks, and there may be no files', () => {
    const { config, said, asked } = read(['sys_interval 1', 'include_dir  conf d ', 'max_inflight_messages 3'], {
      'a.conf': ['sys_interval 2', 'max_inflight_messages 2', 'listener 1884', 'max_qos 1'],
      'b.conf': ['listener 1885'],
    })
    assert.deepEqual(asked, ['conf d'])
    assert.deepEqual([config.general.sysInterval, config.general.maxInflightMessages], [2, 3])
    assert.deepEqual(
      config.listeners.map(({ port, maxQos }) => [port, maxQos]),
      [
        [1884, 1],
        [1885, 2],
      ],
    )
    assert.deepEqual(said, [
      'conf d/a.conf:1: warning: `sys_interval` is set in x.conf:1 already; this line wins',
      'x.conf:3: warning: `max_inflight_messages` is set in conf d/a.conf:2 already; this line wins',
    ])
    assert.deepEqual(read(['include_dir d']).said, [])
  })

  it('names file and line of what is wrong, in the order of the lines', () => {
    const { said } = read(['max_qos 4', 'include_dir d', 'max_qos 5', 'listener 1884'], {
      'a.conf': ['', 'alow_anonymous true'],
      'b.conf': ['listener 1884'],
    })
    assert.deepEqual(
      said.map((line) => line.split(':').slice(0, 3).join(':')),
      ['x.conf:1: error', 'd/a.conf:2: error', 'x.conf:3: error', 'x.conf:4: error'],
    )
    assert.match(said[3]!, /`listener` opens port 1884 twice: d\/b\.conf:1 opens it already/)
  })

  it('begins each file without a listener, and goes on with the one that was', () => {
    const { config, said } = read(['per_listener_settings true', 'listener 1884', 'include_dir d', 'max_qos 0'], {
      'a.conf': ['allow_anonymous true'],
    })
    assert.deepEqual(said, ['d/a.conf:1: error: `allow_anonymous` must come after the `listener` that it applies to'])
    assert.equal(config.listeners[0]!.maxQos, 0)
  })

  it('counts in the main file only, so that no file includes itself', () => {
    const { said, asked } = read(['include_dir d'], { 'a.conf': ['include_dir d'] })
    assert.deepEqual(asked, ['d'])
    assert.deepEqual(said, [
      'd/a.conf:1: warning: `include_dir` works in the main file only, as in mosquitto: that folder is not read',
    ])
  })

  it('is an error if there is no such folder, and without a folder', () => {
    const include: Include = () => {
      throw new Error('ENOENT: no such file or directory')
    }
    const { problems } = parseConfig('\ninclude_dir d\ninclude_dir', 'x.conf', include)
    assert.deepEqual(problems.map(describeProblem), [
      'x.conf:2: error: `include_dir` cannot be read: ENOENT: no such file or directory',
      'x.conf:3: error: `include_dir` needs a value: the path of a folder',
    ])
  })
})
