import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { restoreMessage, type StoreRecord } from '../../src/broker/index.ts'
import { openDiskStore } from '../../src/store/index.ts'
import { message, queued, session } from '../unit/store/contract.ts'

/**
 * A store in a process of its own that is written to as fast as the mover takes it, with small segments, so that the mover
 * always has something to do. Prints the number of the last message that is durable. `away` gets every 20th message and takes none;
 * `late` gets all, and is done with each when 300 more are there: kept files come and go.
 */
const [folder, segmentBytes] = process.argv.slice(2) as [string, string]
const EACH = 20
const LATE = 300
/** More segments than these wait for the mover: then nothing is written. */
const BEHIND = 6

const options = { folder, sync: 'no', make: restoreMessage, segmentBytes: Number(segmentBytes) } as const
const store = await openDiskStore(options)
for (const record of [session('away'), session('late')]) store.append(record)
store.commit()

let last = 0
function turn(): void {
  setTimeout(turn, 1)
  if (readdirSync(join(folder, 'log')).length > BEHIND) return
  for (let i = 0; i < EACH; i++) {
    last++
    const records: StoreRecord[] = [{ kind: 'message', message: message(last, 't', 'x'.repeat(100)) }]
    records.push(queued('late', last - 1, last))
    if (last % EACH === 0) records.push(queued('away', last / EACH - 1, last))
    if (last > LATE) records.push({ kind: 'done', clientId: 'late', position: last - 1 - LATE })
    for (const record of records) store.append(record)
  }
  store.commit()
  process.stdout.write(`${last}\n`)
}
turn()
// It ends with the test that started it, however that ends.
process.stdin.on('end', () => process.exit()).resume()
