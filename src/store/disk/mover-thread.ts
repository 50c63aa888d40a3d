import { parentPort, workerData } from 'node:worker_threads'
import type { Message, MessageParts } from '../../broker/contracts.ts'
import { systemFiles } from './files.ts'
import { moveSegment } from './move.ts'
import { Tree } from './tree.ts'

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

/** Null: that is all, and the thread ends. */
parentPort!.on('message', async (segment: number | null) => {
  if (segment === null) {
    await tree.close()
    parentPort!.close()
    return
  }
  try {
    parentPort!.postMessage({ segment, position: moveSegment(tree, systemFiles, folder, segment, parts) })
  } catch (error) {
    parentPort!.postMessage({ segment, error: (error as Error).message })
  }
})
