import type { Message } from '../message/index.ts'

/** What the broker counts, since its start. `$SYS` and later the metrics page read it. */
export class Metrics {
  bytesReceived = 0
  bytesSent = 0
  /** MQTT Control Packets of every type. */
  messagesReceived = 0
  messagesSent = 0
  publishReceived = 0
  publishSent = 0
  publishBytesReceived = 0
  publishBytesSent = 0
  publishDropped = 0
  /** CONNECT packets received. */
  connections = 0
  /** Network Connections accepted. */
  sockets = 0
  clientsExpired = 0
  clientsMaximum = 0
  /** Payload bytes of the retained messages. */
  retainedBytes = 0
  /** Of what is retained, the broker's own status: topics, and payload bytes. */
  statusTopics = 0
  statusBytes = 0
  /** By how many the messages that each queue has, and those that are retained, are more than there are messages. */
  heldAgainMessages = 0
  /** Their payload bytes. */
  heldAgainBytes = 0
  memoryMaximum = 0

  /** A message that waits, or is retained, does so once more, or once less. */
  heldAgain(message: Message, direction: 1 | -1): void {
    this.heldAgainMessages += direction
    this.heldAgainBytes += direction * message.payloadLength
  }
}
