import { ReasonCode } from '../../protocol/index.ts'
import type { Connection } from '../connection.ts'
import { Timer } from '../time/index.ts'
import { disconnect } from './disconnect.ts'
import { Phase } from './phase.ts'

/** First the time in which CONNECT must come, then the keep-alive. */
export class ConnectionTimer extends Timer {
  readonly #connection: Connection

  constructor(connection: Connection) {
    super()
    this.#connection = connection
  }

  fire(now: number): void {
    const connection = this.#connection
    const { core, phase } = connection
    if (phase < Phase.Open) {
      const missing = phase === Phase.AwaitingConnect ? 'no CONNECT' : 'no end of its authentication'
      core.event('connectTimeout', connection, { missing, seconds: core.settings.connectTimeout / 1000 })
      connection.link.abort()
      return
    }
    if (phase !== Phase.Open) {
      connection.link.abort()
      return
    }
    if (connection.reading.paused) {
      core.wheel.set(this, now + core.settings.bounds.pausedAgainMs)
      return
    }
    const due = connection.lastReceived + connection.keepAlive * 1500
    if (now < due) {
      core.wheel.set(this, due)
      return
    }
    // [MQTT-3.1.2-22]
    core.event('keepAliveTimeout', connection, { keepAlive: connection.keepAlive })
    disconnect(connection, ReasonCode.KeepAliveTimeout, 'keep alive timeout')
  }
}
