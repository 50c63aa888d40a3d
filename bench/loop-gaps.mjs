// Loaded into the broker with `node --import`: measures from inside how long its event loop was not its own. Begins anew at
// SIGUSR2, and writes one JSON line to the file NIGHTJAR_GAPS when the broker ends: milliseconds between two turns of a timer
// of 1 ms, without that millisecond.
import { writeFileSync } from 'node:fs'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { isMainThread } from 'node:worker_threads'

if (isMainThread && process.env.NIGHTJAR_GAPS !== undefined) {
  const delay = monitorEventLoopDelay({ resolution: 1 })
  const milliseconds = (value) => Math.max(0, value / 1e6 - 1)
  delay.enable()
  process.on('SIGUSR2', () => delay.reset())
  process.on('exit', () => {
    const figures = { p50: delay.percentile(50), p999: delay.percentile(99.9), max: delay.max }
    const line = Object.entries(figures).map(([name, value]) => [name, milliseconds(value)])
    writeFileSync(process.env.NIGHTJAR_GAPS, `${JSON.stringify(Object.fromEntries(line))}\n`)
  })
}
