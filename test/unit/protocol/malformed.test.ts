import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Decoder, ProtocolError, type ProtocolVersion } from '../../../src/protocol/index.ts'
import { MALFORMED } from './malformed.ts'
import { Collector, LIMITS, text, wire } from './support.ts'

interface Failure {
  reasonCode: number
  offset: number
}

for (const { packet, name, versions, bytes: line, reasonCode, offset } of MALFORMED) {
  const bytes = wire(line)
  for (const version of versions) {
    test(`${packet}: ${name} (version ${version})`, () => {
      assert.deepEqual(failureOf(bytes, version, bytes.length), { reasonCode, offset })
      assert.deepEqual(failureOf(bytes, version, 1), { reasonCode, offset }, 'byte by byte')
      assert.deepEqual(failureOf(bytes, version, bytes.length, 0), { reasonCode, offset }, 'only checked')
    })
  }
}

function failureOf(bytes: Uint8Array, version: ProtocolVersion, portion: number, filterBytesAtOnce?: number): Failure {
  const collector = new Collector()
  const decoder = new Decoder(collector, text, {
    ...LIMITS,
    ...(filterBytesAtOnce === undefined ? {} : { filterBytesAtOnce }),
  })
  decoder.version = version
  try {
    for (let at = 0; at < bytes.length; at += portion) {
      decoder.receive(bytes, at, Math.min(at + portion, bytes.length))
    }
  } catch (error) {
    assert.ok(error instanceof ProtocolError, String(error))
    assert.match(error.message, /^[A-Z].*[^.]$/)
    assert.deepEqual(collector.packets, [])
    return { reasonCode: error.reasonCode, offset: error.offset }
  }
  assert.fail(`decoded: ${JSON.stringify(collector.packets).slice(0, 200)}`)
}
