import { setTimeout as after } from 'node:timers/promises'
import { PATIENCE_MS } from '../support/patience.ts'
import { RoughClient } from './rough-client.ts'
import type { Round } from './round.ts'

/** Plays a round against the broker on `port`; rejects with what the broker did wrong. */
export async function play(round: Round, port: number): Promise<void> {
  const clients = new Map<number, RoughClient>()
  for (const step of round) {
    if (step.act === 'wait') await new Promise((resolve) => setImmediate(resolve))
    else if (step.act === 'open') {
      clients.set(step.client, new RoughClient(port, step.version, step.manner, step.broken))
    } else if (step.act === 'send') clients.get(step.client)?.send(step.bytes)
    else clients.get(step.client)?.[step.act]()
  }
  for (const client of clients.values()) client.end()
  const ended = Promise.all(Array.from(clients.values(), (client) => client.closed))
  const timer = new AbortController()
  const late = after(PATIENCE_MS, 'late', { signal: timer.signal }).catch(() => 'aborted')
  const outcome = await Promise.race([ended, late])
  timer.abort()
  for (const client of clients.values()) if (client.fault !== null) throw client.fault
  if (outcome === 'late') {
    for (const client of clients.values()) client.reset()
    throw new Error(`the broker did not end a connection within ${PATIENCE_MS} ms`)
  }
}
