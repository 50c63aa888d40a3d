import { inWords } from '../protocol/index.ts'
import { onAbort } from './abort-signals.ts'
import type { Client, Message, PublishOptions, RequestOptions, ServeOptions, Subscription } from './api.ts'
import { bytes, type Codec, encodeBy, plainBytes } from './codecs.ts'
import { aborted, MqttError, toMqttError } from './errors.ts'
import type { Params } from './filter-syntax.ts'
import { ReceivedMessage } from './message.ts'
import type { Clock } from './platform.ts'
import type { ServerLimits } from './server-limits.ts'

/** The User Property that makes an answer an error; its value is the message. */
const ERROR_PROPERTY = 'error'
const TIMEOUT = 10_000
const CONCURRENCY = 16
const CORRELATION_BYTES = 12

interface Question {
  answered(message: Message): void
  failed(error: MqttError): void
}

/** Requests that wait for their answers. All answers come on one topic; Correlation Data tells them apart. */
export class Requests {
  readonly #client: Client
  readonly #random: () => number
  readonly #clock: Clock
  readonly #questions: Map<string, Question> = new Map()
  #answers: Promise<string> | null = null

  constructor(client: Client, random: () => number, clock: Clock) {
    this.#client = client
    this.#random = random
    this.#clock = clock
  }

  get pending(): number {
    return this.#questions.size
  }

  async ask<A, Q>(topic: string, payload: Q, options: RequestOptions<Q, A>): Promise<Message<A>> {
    const { signal, timeout = TIMEOUT, codec, qos = 0 } = options
    if (this.#client.server.protocol !== 5) {
      throw new MqttError('ERR_UNSUPPORTED', 'request() needs MQTT 5.0, which has Response Topic and Correlation Data')
    }
    if (signal?.aborted) throw aborted(signal, 'Nothing was asked')
    // Encoded now, so that a bad payload is an error at once, even while offline.
    const encoded = codec === undefined ? plainBytes(payload) : encodeBy(codec, payload)
    const correlationData = this.#newCorrelation()
    const key = keyOf(correlationData)
    const stop = new AbortController()
    const answer = this.#expect(key, topic, timeout, signal, stop)
    void this.#publish(key, topic, encoded, stop.signal, {
      qos,
      ...(codec !== undefined && { codec: Object.create(codec, { encode: { value: () => encoded } }) as Codec<never> }),
      properties: { ...options.properties, correlationData },
    })
    const message = await answer
    const problem = message.properties.userProperties?.find(([name]) => name === ERROR_PROPERTY)
    if (problem !== undefined) throw new MqttError('ERR_REMOTE', `'${topic}' answered with an error: ${problem[1]}`)
    const decoder = options.answerCodec ?? (codec as unknown as Codec<A> | undefined) ?? (bytes as unknown as Codec<A>)
    return new ReceivedMessage({ ...message, properties: message.properties, receipt: null }, decoder, [])
  }

  /** Publishes the request once the answer topic is subscribed to. Never rejects: an error fails the request. */
  async #publish(
    key: string,
    topic: string,
    payload: unknown,
    signal: AbortSignal,
    options: PublishOptions<never>,
  ): Promise<void> {
    try {
      this.#answers ??= this.#listen()
      const responseTopic = await this.#answers
      if (signal.aborted) return
      const properties = { ...options.properties, responseTopic }
      const { matched } = await this.#client.publish(topic, payload as never, { ...options, properties, signal })
      if (!matched) this.#fail(key, new MqttError('ERR_REMOTE', `Nobody serves '${topic}'`, { reasonCode: 0x10 }))
    } catch (error) {
      this.#fail(key, toMqttError(error, 'ERR_REMOTE'))
    }
  }

  /** Waits for the answer. The timeout runs while offline, too. `stop` cancels the publish if it was not sent. */
  #expect(
    key: string,
    topic: string,
    timeout: number,
    signal: AbortSignal | undefined,
    stop: AbortController,
  ): Promise<Message> {
    return new Promise((resolve, reject) => {
      const timer = this.#clock.setTimeout(() => {
        this.#fail(key, new MqttError('ERR_TIMEOUT', `'${topic}' did not answer within ${timeout} ms`))
      }, timeout)
      const deafen = signal && onAbort(signal, () => this.#fail(key, aborted(signal, 'Stopped waiting for the answer')))
      const forget = () => {
        this.#questions.delete(key)
        this.#clock.clearTimeout(timer)
        deafen?.()
      }
      this.#questions.set(key, {
        answered: (message) => {
          forget()
          resolve(message)
        },
        failed: (error) => {
          forget()
          stop.abort()
          reject(error)
        },
      })
    })
  }

  #fail(key: string, error: MqttError): void {
    this.#questions.get(key)?.failed(error)
  }

  /** Subscribes once to the topic of all answers. */
  async #listen(): Promise<string> {
    const topic = answerTopic(this.#client.server, this.#client.clientId)
    try {
      const answers = await this.#client.subscribe(topic, { qos: 1, retained: 'skip' })
      void this.#dispatch(answers)
    } catch (error) {
      this.#answers = null
      throw error
    }
    return topic
  }

  async #dispatch(answers: Subscription<Uint8Array, unknown>): Promise<void> {
    let error = new MqttError('ERR_CLOSED', 'The subscription to answers has ended')
    try {
      for await (const message of answers) {
        const { correlationData } = message.properties
        if (correlationData !== undefined) this.#questions.get(keyOf(correlationData))?.answered(message as Message)
      }
    } catch (caught) {
      error = toMqttError(caught, 'ERR_CLOSED')
    }
    this.#answers = null
    for (const question of [...this.#questions.values()]) question.failed(error)
  }

  #newCorrelation(): Uint8Array {
    const data = new Uint8Array(CORRELATION_BYTES)
    for (let i = 0; i < CORRELATION_BYTES; i++) data[i] = Math.floor(this.#random() * 256)
    return data
  }
}

/** The topic on which a client gets answers. */
export function answerTopic({ responseInformation }: ServerLimits, clientId: string): string {
  const base = responseInformation?.replace(/\/$/, '') ?? 'nightjar/answers'
  return `${base}/${clientId.replace(/[+#/\0]/g, '_')}`
}

function keyOf(data: Uint8Array): string {
  return String.fromCharCode(...data)
}

/** Answers requests until the result is disposed of. */
export async function serve<Q, A, F extends string>(
  client: Client,
  filter: F,
  handler: (message: Message<Q, Params<F>>) => A | Promise<A>,
  options: ServeOptions<Q, A>,
  serving: Set<Promise<void>>,
): Promise<AsyncDisposable> {
  const { qos = 0, codec, share, signal, concurrency = CONCURRENCY } = options
  if (client.server.protocol !== 5) {
    throw new MqttError('ERR_UNSUPPORTED', 'serve() needs MQTT 5.0, which has Response Topic and Correlation Data')
  }
  const requests = await client.subscribe<F, Q>(filter, {
    qos,
    retained: 'skip',
    ...(codec !== undefined && { codec }),
    ...(share !== undefined && { share }),
    ...(signal !== undefined && { signal }),
  })
  const worker = async () => {
    for (;;) {
      const message = await requests.next().catch(() => null)
      if (message === null) return
      const answering = answer(client, message, handler, options)
      serving.add(answering)
      await answering
      serving.delete(answering)
    }
  }
  for (let i = 0; i < concurrency; i++) void worker()
  return requests
}

/** Never rejects: an error becomes the answer. */
async function answer<Q, A, P>(
  client: Client,
  message: Message<Q, P>,
  handler: (message: Message<Q, P>) => A | Promise<A>,
  { codec, answerCodec, qos = 0 }: ServeOptions<Q, A>,
): Promise<void> {
  const { responseTopic, correlationData } = message.properties
  const properties = correlationData === undefined ? {} : { correlationData }
  const respond = (payload: unknown, publishOptions: PublishOptions<never>) =>
    responseTopic === undefined ? null : client.publish(responseTopic, payload as never, publishOptions)
  try {
    const value = await handler(message)
    const encoder = (answerCodec ?? codec) as Codec<never> | undefined
    await respond(value ?? '', { qos, properties, ...(encoder !== undefined && { codec: encoder }) })
  } catch (error) {
    const words = inWords(error)
    const userProperties: [string, string][] = [[ERROR_PROPERTY, words]]
    await respond('', { qos, properties: { ...properties, userProperties } })?.catch(() => {})
  }
}
