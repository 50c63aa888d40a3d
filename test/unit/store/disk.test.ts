import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'
import { restoreMessage } from '../../../src/broker/index.ts'
import { DiskStore } from '../../../src/store/disk/disk-store.ts'
import { storeContract } from './contract.ts'

const root = mkdtempSync(join(tmpdir(), 'nightjar-store-'))
const opened: DiskStore[] = []
const folders: Map<unknown, string> = new Map()

after(async () => {
  for (const store of opened) await store.close()
  rmSync(root, { recursive: true, force: true })
})

/** A store whose segments are full after so many bytes: with few, what is stored is soon in the tree. */
function openIn(folder: string, segmentBytes: number): DiskStore {
  const store = new DiskStore({ folder, sync: 'everysec', make: restoreMessage, segmentBytes })
  opened.push(store)
  folders.set(store, folder)
  return store
}

for (const segmentBytes of [1_000_000, 200]) {
  let count = 0
  const folder = (): string => join(root, `${segmentBytes}-${count++}`)
  storeContract(
    `files, with segments of ${segmentBytes} bytes`,
    () => openIn(folder(), segmentBytes),
    (store) => {
      // What a process that ends now would leave behind.
      const copy = folder()
      cpSync(folders.get(store)!, copy, { recursive: true })
      return openIn(copy, segmentBytes)
    },
    10,
  )
}
