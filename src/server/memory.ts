import type { Metrics } from '../broker/index.ts'
import { LOOK_MS, QuietMemory } from './quiet-memory.ts'
import { limitYoungGeneration } from './young-generation.ts'

const YOUNG_LOOK_MS = 100

/** Keeps V8's memory small, when a load begins and when it is over. Returns a function that stops this. */
export function tendMemory(metrics: Metrics): () => void {
  const young = setInterval(() => {
    if (!limitYoungGeneration()) clearInterval(young)
  }, YOUNG_LOOK_MS)
  const quiet = new QuietMemory(() => ({
    packets: metrics.messagesReceived + metrics.messagesSent,
    connections: metrics.sockets,
  }))
  const looking = setInterval(() => quiet.look(), LOOK_MS)
  return () => {
    clearInterval(young)
    clearInterval(looking)
  }
}
