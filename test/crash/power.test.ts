import assert from 'node:assert/strict'
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { Random } from '../fuzz/random.ts'
import { startBrokerWith } from '../support/broker.ts'
import { runProgram } from '../support/nightjar.ts'
import { sourceSeed } from '../support/source-seed.ts'
import { type Content, contentOf, Disk } from './disk.ts'
import { readJournal } from './disk-journal.ts'
import { differing, powerRounds, wrongIn } from './power.ts'
import { PowerClients } from './power-clients.ts'
import { lookAtStates } from './states.ts'
import { checkFollowed, compilePowerLoss, missingPowerLoss, type Sync, watching, workFolder } from './watched-store.ts'

const skip = missingPowerLoss()

/** `npm run crash -- --power` has more and longer rounds. */
describe('the broker, when the power fails under load', { skip }, () => {
  const promises: Record<Sync, [what: string, options: { rounds: number; moments: number; atLeast?: number }]> = {
    always: ['loses nothing that it acknowledged', { rounds: 2, moments: 0 }],
    // Longer than what may be lost.
    everysec: [
      'loses at most what came last, and is found as it was at one moment',
      { rounds: 1, moments: 1, atLeast: 3000 },
    ],
    no: ['is found as it was at one moment', { rounds: 1, moments: 0 }],
  }
  for (const [sync, [what, options]] of Object.entries(promises) as [Sync, (typeof promises)[Sync]][]) {
    it(`with persistence_sync ${sync} ${what}`, async (t) => {
      const seed = sourceSeed
      t.diagnostic(`seed ${seed}`)
      const counts = await powerRounds({ ...options, milliseconds: 500, sync, seed })
      assert.ok(counts.acknowledged > 0 && counts.unsynced > 0, `seed ${seed}: ${JSON.stringify(counts)}`)
      assert.deepEqual(wrongIn(counts), {}, `seed ${seed}: ${JSON.stringify(counts)}`)
    })
  }

  it('leaves a store that is sound, at any moment', async (t) => {
    const seed = sourceSeed
    t.diagnostic(`seed ${seed}`)
    const counts = await lookAtStates({ rounds: 1, milliseconds: 1500, sync: 'everysec', moments: 20, seed })
    assert.deepEqual(counts.unsound, [], `seed ${seed}`)
    assert.ok(counts.looked > 60 && counts.removed > 0, JSON.stringify(counts))
  })

  it('is found out if the disk says that it has synced, and has not', async () => {
    const options = { rounds: 1, milliseconds: 300, sync: 'always', seed: 1, moments: 0, lying: true } as const
    const counts = await powerRounds(options)
    assert.ok(counts.acknowledged > 0 && counts.lost === counts.acknowledged, JSON.stringify(counts))
  })
})

/** Runs a piece of JavaScript on a new folder, whose path is `d`; returns the folder's path, and what the disk had then. */
async function watched(script: string): Promise<{ folder: string; disk: Disk; whole: boolean }> {
  const work = workFolder()
  try {
    const folder = join(work, 'store')
    mkdirSync(folder)
    const journal = join(work, 'journal')
    const env = { ...watching(compilePowerLoss(work), folder, journal), FOLDER: folder }
    const begin = "const fs = require('node:fs'), d = process.env.FOLDER;"
    const { code, stderr } = await runProgram([process.execPath], ['-e', begin + script], '', env)
    assert.equal(code, 0, stderr)
    const disk = new Disk(folder, new Map([[folder, null]]))
    for (const call of readJournal(journal)) disk.apply(call)
    return { folder, disk, whole: same(disk.whole(), contentOf(folder)) }
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

function same(one: Content, other: Content): boolean {
  return one.size === other.size && differing(one, other) + differing(other, one) === 0
}

describe('the imitated power cut', { skip }, () => {
  const syncFolder = "const syncFolder = (p) => { const f = fs.openSync(p, 'r'); fs.fsyncSync(f); fs.closeSync(f) };"

  it('leaves what was synced, of files that have a synced name, and nothing else', async () => {
    const { folder, disk, whole } = await watched(`${syncFolder}
      const { O_CREAT, O_WRONLY, O_DSYNC } = fs.constants
      fs.mkdirSync(d + '/in'); syncFolder(d)
      const a = fs.openSync(d + '/in/a', 'w'), b = fs.openSync(d + '/in/b', 'w'), c = fs.openSync(d + '/c', O_CREAT | O_WRONLY | O_DSYNC)
      fs.writeSync(a, 'one', 0); fs.fdatasyncSync(a); fs.writeSync(a, 'two', 3); fs.writeSync(a, 'ONE', 0)
      fs.writevSync(b, [Buffer.from('b'), Buffer.from('B')]); fs.fsyncSync(b)
      syncFolder(d + '/in')
      fs.writeSync(c, 'safe by itself'); syncFolder(d)
      fs.writeFileSync(d + '/in/named late', 'x'); fs.rmSync(d + '/in/b'); fs.renameSync(d + '/c', d + '/moved')
    `)
    assert.ok(whole, 'all that was done was seen')
    const left = [...disk.safe()].map(([path, bytes]) => [
      path.slice(folder.length),
      bytes && String(Buffer.from(bytes)),
    ])
    assert.deepEqual(left, [
      ['', null],
      ['/c', 'safe by itself'],
      ['/in', null],
      ['/in/a', 'one'],
      ['/in/b', 'bB'],
    ])
  })

  it('can leave some of the rest, sector by sector, and always what was synced', async () => {
    const { folder, disk, whole } = await watched(`${syncFolder}
      const f = fs.openSync(d + '/f', 'w'); syncFolder(d)
      fs.writeSync(f, Buffer.alloc(2048, 'a'), 0, 2048, 0); fs.fdatasyncSync(f); fs.writeSync(f, Buffer.alloc(2048, 'b'), 0, 2048, 1024)
    `)
    assert.ok(whole)
    const random = new Random(1)
    const seen = new Set<string>()
    for (let i = 0; i < 3000; i++) {
      const bytes = Buffer.from(disk.some(random).get(join(folder, 'f'))!)
      assert.ok(bytes.length >= 2048 && bytes.length <= 3072)
      assert.match(bytes.toString(), /^a{1024}(a{512}|b{512}){2}[b\0]*$/)
      if (bytes.length === 3072) seen.add(bytes.toString().replace(/(.)\1{511}/gs, '$1'))
    }
    assert.equal(seen.size, 2 ** 4, 'each of the four sectors, and independent of the others')
  })

  it('sees all that the broker does to its store', async () => {
    const work = workFolder()
    try {
      const [folder, journal] = [join(work, 'store'), join(work, 'journal')]
      mkdirSync(folder)
      const config = ['persistence true', `persistence_location ${folder}`, 'max_queued_messages 0']
      const broker = await startBrokerWith(watching(compilePowerLoss(work), folder, journal), ...config)
      const clients = new PowerClients('', 30_000)
      await clients.subscribe(broker.port)
      await clients.begin(broker.port)
      await clients.settle()
      await broker.stop()
      clients.cut()
      const disk = new Disk(folder, new Map([[folder, null]]))
      for (const call of readJournal(journal)) disk.apply(call)
      checkFollowed(disk)
      const withoutLocks = (content: Content): Content => new Map([...content].filter(([path]) => !/lock/.test(path)))
      assert.ok(same(withoutLocks(disk.whole()), withoutLocks(contentOf(folder))))
    } finally {
      rmSync(work, { recursive: true, force: true })
    }
  })
})
