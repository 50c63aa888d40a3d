import { parentPort, workerData } from 'node:worker_threads'
import type { Message, MessageParts } from '../../broker/contracts.ts'
import type { StoreBounds } from './bounds.ts'
import { systemFiles } from './files.ts'
import { KeptWriter } from './kept.ts'
import { applyLate, type Moved, type MoverParts, moveSegment } from './move.ts'
import type { LateChange } from './recent.ts'
import { SegmentReader } from './segments.ts'
import { type Applied, Tree } from './tree.ts'

export interface MoverFolders {
  readonly logFolder: string
  readonly keptFolder: string
  readonly treePath: string
  readonly bounds: StoreBounds
  /** The address space of the tree, which this thread shares. */
  readonly map: number | null
}

/** A segment to be moved; or one of which nothing is left, and then how far the log is in the tree without it. */
export interface MoveOrder {
  readonly segment: number
  /** The position of its last record. */
  readonly last: number
  readonly spent: Applied | null
  /** What such a segment says of places in the tree. */
  readonly late: readonly LateChange[]
}

const { logFolder, keptFolder, treePath, bounds, map } = workerData as MoverFolders

/** What the mover needs of a message is what is written of it. */
function make(from: MessageParts): Message {
  const { topicLength, propertiesLength, bytes } = from
  const lengths = {
    topicBytes: bytes,
    topicStart: 0,
    topicEnd: topicLength,
    propertiesStart: topicLength,
    propertiesEnd: topicLength + propertiesLength,
    payloadStart: topicLength + propertiesLength,
    payloadEnd: bytes.length,
  }
  return { ...from, ...lengths } as unknown as Message
}

/** Values of the tree that were not what was written, since that was told. */
let damaged: string[] = []
const tree = new Tree(treePath, make, () => damaged.push('a value of the tree'), bounds, map)
const log = new SegmentReader(systemFiles, logFolder)
const writer = new KeptWriter(systemFiles, keptFolder, bounds.keptWriteBytes)
const parts: MoverParts = { tree, files: systemFiles, log, writer, keptFolder, make, bounds }

function move({ segment, last, spent, late }: MoveOrder): Moved {
  return spent === null ? moveSegment(parts, segment, last) : applyLate(parts, spent, late)
}

/** Null: that is all, and the thread ends. */
parentPort!.on('message', async (order: MoveOrder | null) => {
  if (order === null) {
    await tree.close()
    parentPort!.close()
    return
  }
  const { segment } = order
  try {
    damaged = []
    const moved = move(order)
    parentPort!.postMessage({
      segment,
      kept: moved.kept,
      unneeded: moved.unneeded,
      damaged: [...damaged, ...moved.damaged],
    })
  } catch (error) {
    parentPort!.postMessage({ segment, error: (error as Error).message })
  }
})
