import type { Client } from './api.ts'
import { checkOptions } from './check.ts'
import { MqttClient } from './client.ts'
import { type ConnectOptions, readOptions } from './options.ts'
import { readUrl } from './url.ts'

/**
 * Connects to an MQTT broker at mqtt://[user[:password]@]host[:port]. Resolves when the broker has accepted the connection.
 * A network that fails is tried again, until the signal fires or the limit of `reconnect` is reached; a refusal by the
 * broker rejects (unless `reconnect.onRefused` is 'retry'), always with an MqttError.
 */
export async function connect(url: string | URL, options: ConnectOptions = {}): Promise<Client> {
  checkOptions('connect', options)
  const target = options.transport === undefined ? readUrl(url) : null
  const client = new MqttClient(readOptions(options), target)
  await client.start()
  return client
}
