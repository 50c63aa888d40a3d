import assert from 'node:assert/strict'
import { programs } from './programs.ts'
import { Running, run } from './running.ts'

/** mosquitto's command line clients against the broker on `port` of this machine. */

let markers = 0

/** Runs mosquitto_pub, which must succeed. */
export async function pub(port: number, ...arguments_: string[]): Promise<void> {
  await pubLines(port, '', ...arguments_)
}

/** The same with something to read from stdin. */
export async function pubLines(port: number, input: string, ...arguments_: string[]): Promise<void> {
  const { code, stderr } = await run(programs.pub, ['-h', '127.0.0.1', '-p', String(port), ...arguments_], { input })
  assert.equal(`${code} ${stderr}`, '0 ', arguments_.join(' '))
}

export interface Subscriber extends Running {
  /** What it printed before its subscriptions stood: retained messages, and what its Session was owed. */
  readonly first: readonly string[]
}

/** Starts mosquitto_sub and returns when all its subscriptions stand: a retained message, subscribed to last, tells it. */
export async function sub(port: number, ...arguments_: string[]): Promise<Subscriber> {
  const marker = `ready/${++markers}`
  // With QoS 2, so that it comes with the QoS of the subscriptions and overtakes nothing.
  await pub(port, '-t', marker, '-m', marker, '-r', '-q', '2')
  const address = ['-h', '127.0.0.1', '-p', String(port)]
  const running = new Running(programs.sub, [...address, ...arguments_, '-t', marker])
  const first: string[] = []
  for (let line = await running.line(); !line.includes(marker); line = await running.line()) first.push(line)
  return Object.assign(running, { first })
}
