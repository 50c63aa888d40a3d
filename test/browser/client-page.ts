/** The same page with the whole client library, but for what a browser has in place of `src/client/platform.ts`. */
import { connect } from '../../src/client/index.ts'
import { webText } from '../../src/transport/index.ts'
import { broker, type Page } from './page.ts'

export interface ClientPage extends Page {
  clock: {
    now(): number
    setTimeout(callback: () => void, milliseconds: number): unknown
    clearTimeout(timer: unknown): void
  }
}

/** One client subscribes, then another publishes; resolves with the topic and the payload that arrived. */
export async function publishThrough(page: ClientPage, topic: string, payload: string): Promise<string> {
  const options = { transport: broker(page), clock: page.clock }
  const subscriber = await connect('mqtt://in-process', options)
  const publisher = await connect('mqtt://in-process', options)
  const messages = await subscriber.subscribe('#', { qos: 1 })
  await publisher.publish(topic, payload, { qos: 2 })
  for await (const message of messages) {
    await publisher.close()
    await subscriber.close()
    return `${message.topic}: ${webText.decode(message.bytes, 0, message.bytes.length)}`
  }
  return 'nothing'
}
