import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { restoreMessage, type StoreRecord } from '../../../src/broker/index.ts'
import { DiskStore } from '../../../src/store/disk/disk-store.ts'
import { PATIENCE_MS } from '../../support/patience.ts'
import { append, message, queued, session } from './contract.ts'

const root = mkdtempSync(join(tmpdir(), 'nightjar-pressing-'))
after(() => rmSync(root, { recursive: true, force: true }))

const done: StoreRecord = { kind: 'done', clientId: 'a', position: 0 }

/** A store whose client `a` is owed one message. */
function begun(name: string): { folder: string; store: DiskStore; logged: () => number } {
  const folder = join(root, name)
  const store = new DiskStore({ folder, sync: 'everysec', make: restoreMessage })
  append(store, session('a'), { kind: 'message', message: message(1, 't', 'x') }, queued('a', 0, 1))
  const logged = (): number => statSync(join(folder, 'log', '0000000001.log')).size
  return { folder, store, logged }
}

it('what is not pressing is written with what is, and known at once', async () => {
  const { store, logged } = begun('with')
  const [size, durable] = [logged(), store.durable]
  store.append(done, false)
  store.commit()
  assert.equal(logged(), size)
  assert.equal(store.durable, durable)
  assert.deepEqual(store.read('a', 0, 10), [])
  const position = store.append({ kind: 'inbound', clientId: 'a', packetId: 1 })
  store.commit()
  assert.equal(store.durable, position)
  assert.ok(logged() > size)
  await store.close()
})

it('or by itself, soon', async () => {
  const { store, logged } = begun('alone')
  const size = logged()
  const position = store.append(done, false)
  store.commit()
  const end = Date.now() + PATIENCE_MS
  while (store.durable < position && Date.now() < end) await sleep(1)
  assert.equal(store.durable, position)
  assert.ok(logged() > size)
  await store.close()
})

it('or when the store is closed', async () => {
  const { folder, store } = begun('closed')
  store.append(done, false)
  store.commit()
  await store.close()
  const again = new DiskStore({ folder, sync: 'everysec', make: restoreMessage })
  assert.ok([...again.load()].some((record) => record.kind === 'queue' && record.head === record.tail))
  await again.close()
})
