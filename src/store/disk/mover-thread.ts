import { parentPort, workerData } from 'node:worker_threads'
import type { Message, MessageParts } from '../../broker/contracts.ts'
import { systemFiles } from './files.ts'
import { moveSegment } from './move.ts'
import { SegmentReader } from './segments.ts'
import { type Applied, Tree } from './tree.ts'

/** A segment to be moved; or one of which nothing is left, and then how far the log is in the tree without it. */
export interface MoveOrder {
  readonly segment: number
  readonly spent: Applied | null
}

const { folder, treePath } = workerData as { folder: string; treePath: string }

/** What the mover needs of a message is what is written of it. */
function parts(from: MessageParts): Message {
  const { topicLength, propertiesLength, bytes } = from
  const lengths = {
    topicStart: 0,
    topicEnd: topicLength,
    propertiesStart: topicLength,
    propertiesEnd: topicLength + propertiesLength,
    payloadStart: topicLength + propertiesLength,
    payloadEnd: bytes.length,
  }
  return { ...from, ...lengths } as unknown as Message
}

const tree = new Tree(treePath, parts)
const log = new SegmentReader(systemFiles, folder)

function move({ segment, spent }: MoveOrder): readonly number[] {
  if (spent === null) return moveSegment(tree, log, segment, parts).unneeded
  tree.transact(spent, () => undefined)
  return [segment]
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
    parentPort!.postMessage({ segment, unneeded: move(order) })
  } catch (error) {
    parentPort!.postMessage({ segment, error: (error as Error).message })
  }
})
