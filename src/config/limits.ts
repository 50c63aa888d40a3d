import type { LimitConfig } from './config.ts'
import type { Options } from './option.ts'
import { integer, MAX_INTEGER } from './types.ts'

const bytes = { least: 0, most: MAX_INTEGER, unit: 'bytes', below: 0 }
const count = { least: 0, most: MAX_INTEGER, unit: 'messages', below: 0 }

/** Options on how much of something there may be. Each is for the broker as a whole and holds for each client by itself. */
export const limitOptions: Options<LimitConfig> = {
  maxInflightBytes: {
    name: 'max_inflight_bytes',
    type: integer(bytes),
    default: 0,
    doc: 'Payload bytes of QoS 1 and 2 messages that may be in flight to one client; one message may always. 0: no limit.',
    reloadable: true,
    from: 'mosquitto',
  },
  maxInflightMessages: {
    name: 'max_inflight_messages',
    type: integer({ least: 0, most: 65_535, unit: 'messages', below: 0 }),
    default: 20,
    doc: 'QoS 1 and 2 messages that may be in flight to one client. 1 keeps strict order. 0: no limit.',
    reloadable: true,
    from: 'mosquitto',
  },
  maxKeepalive: {
    name: 'max_keepalive',
    type: integer({ least: 0, most: 65_535, unit: 'seconds', zero: 65_535 }),
    default: 65_535,
    doc: 'Longest keep alive that an MQTT 5.0 client gets if it asks for more, or for none. 65535, or 0: what it asks for.',
    reloadable: true,
    from: 'mosquitto',
  },
  maxOutgoingBytes: {
    name: 'max_outgoing_bytes',
    type: integer({ least: 1024, most: MAX_INTEGER, unit: 'bytes' }),
    default: 1_048_576,
    doc: 'Bytes that may wait for one client that reads too slowly; beyond that its QoS 0 messages are dropped.',
    reloadable: true,
    from: 'nightjar',
  },
  maxPacketSize: {
    name: 'max_packet_size',
    type: integer({ least: 20, most: MAX_INTEGER, unit: 'bytes' }),
    default: 10_485_760,
    doc: 'Largest packet that a client may send, all of it counted; a larger one ends its connection. mosquitto: 2000000.',
    reloadable: true,
    from: 'mosquitto',
  },
  maxPacketSizeMqtt3: {
    name: 'max_packet_size_mqtt3',
    type: integer(bytes),
    default: 0,
    doc: 'Largest packet that a client of MQTT 3.1 or 3.1.1 is sent; messages beyond it are dropped for it alone. 0: no limit.',
    reloadable: true,
    from: 'nightjar',
  },
  maxQueuedBytes: {
    name: 'max_queued_bytes',
    type: integer(bytes),
    default: 0,
    doc: 'Bytes of messages that may wait for one client beyond those in flight; further ones are dropped. 0: no limit.',
    reloadable: true,
    from: 'mosquitto',
  },
  maxQueueMemory: {
    name: 'max_queue_memory',
    type: integer(bytes),
    default: 67_108_864,
    doc: 'The memory that waiting messages may take, all queues together. What is more lies on disk only, if there is a store.',
    reloadable: true,
    from: 'nightjar',
  },
  maxQueuedMessages: {
    name: 'max_queued_messages',
    type: integer(count),
    default: 1000,
    doc: 'Messages that may wait for one client beyond those in flight; further ones are dropped. 0: no limit.',
    reloadable: true,
    from: 'mosquitto',
  },
  messageSizeLimit: {
    name: 'message_size_limit',
    type: integer({ least: 0, most: 268_435_455, unit: 'bytes' }),
    default: 0,
    doc: 'Largest payload that is passed on; a larger one is refused and its sender stays connected. 0: no limit.',
    reloadable: true,
    from: 'mosquitto',
  },
}
