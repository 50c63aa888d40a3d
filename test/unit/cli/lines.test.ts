import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { test } from 'node:test'
import { linesOf } from '../../../src/cli/lines.ts'
import { fc } from '../../support/fast-check.ts'

async function collect(chunks: readonly Uint8Array[]): Promise<string[]> {
  async function* stream() {
    yield* chunks
  }
  const lines: string[] = []
  for await (const line of linesOf(stream())) lines.push(Buffer.from(line).toString('latin1'))
  return lines
}

const TABLE: readonly [input: string, lines: string[]][] = [
  ['', []],
  ['\n', ['']],
  ['a', ['a']],
  ['a\n', ['a']],
  ['a\n\nb', ['a', '', 'b']],
  ['a\r\nb\0c\n', ['a\r', 'b\0c']],
]

for (const [input, lines] of TABLE) {
  test(`${JSON.stringify(input)} has ${lines.length} lines`, async () => {
    assert.deepEqual(await collect([Buffer.from(input, 'latin1')]), lines)
  })
}

test('lines do not depend on how the bytes come', async () => {
  const bytes = fc.array(fc.constantFrom(0x0a, 0x61, 0xff), { maxLength: 30 })
  await fc.assert(
    fc.asyncProperty(fc.array(bytes), async (chunks) => {
      const whole = Buffer.from(chunks.flat())
      assert.deepEqual(await collect(chunks.map((chunk) => Buffer.from(chunk))), await collect([whole]))
    }),
  )
})
