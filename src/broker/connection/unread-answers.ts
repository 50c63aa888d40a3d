import type { Connection } from '../connection.ts'

/**
 * Messages stop when there is no room; answers cannot. A client that goes on sending and reads none of them is closed
 * before they fill the memory: what may wait beyond them is `max_outgoing_bytes` and one message.
 */
export function answersWaitTooMuch(connection: Connection): boolean {
  const { core, output } = connection
  const { maximumOutgoingBytes } = core.settings
  const { maximumPacketSize } = connection.listener
  const bytes = output.pending
  if (bytes <= 2 * maximumOutgoingBytes + maximumPacketSize) return false
  core.event('answersNotRead', connection, { bytes, limit: maximumOutgoingBytes })
  connection.finish('it does not read what it is answered', true)
  connection.link.abort()
  return true
}

/** Answers that wait for the store are not the client's fault: it is only not read until they can go, if they are many. */
export function answersWaitForStore({ core, output, reading }: Connection): void {
  if (output.pending > core.settings.maximumOutgoingBytes) reading.waitForStore()
}
