import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { restoreMessage } from '../../../src/broker/index.ts'
import { checkStore } from '../../../src/store/disk/check.ts'
import { DiskStore } from '../../../src/store/disk/disk-store.ts'
import { VERSION_KEY } from '../../../src/store/disk/keys.ts'
import { Tree } from '../../../src/store/disk/tree.ts'

const folder = mkdtempSync(join(tmpdir(), 'nightjar-format-'))
after(() => rmSync(folder, { recursive: true, force: true }))

const open = (): DiskStore => new DiskStore({ folder, sync: 'no', make: restoreMessage })

/** The store says that it has that format. */
async function pretend(format: number): Promise<void> {
  const tree = new Tree(join(folder, 'tree'), restoreMessage)
  tree.db.transactionSync(() => tree.putApplied({ position: 0, segment: 0, nextMessageId: 1, time: null }))
  const value = Buffer.from(tree.db.get(VERSION_KEY)!)
  value.writeUInt32LE(format, 0)
  tree.db.putSync(VERSION_KEY, value)
  await tree.close()
}

describe('a store of another format', () => {
  for (const [format, words] of [
    [99, /written by a newer version/],
    [1, /of format 1, which no release of nightjar wrote/],
  ] as const) {
    it(`is neither opened nor looked at (${format})`, async () => {
      await open().close()
      await pretend(format)
      assert.throws(open, words)
      await assert.rejects(checkStore(folder, restoreMessage), words)
      await pretend(2)
    })
  }
})
