import type { Client, ClientEvent, CloseOptions, ConnectOptions, MqttError, ReconnectOptions } from '../client/index.ts'
import { connect } from '../client/index.ts'
import { connectReturnCode, type ProtocolVersion } from '../protocol/index.ts'
import type { ClientTransport } from '../transport/index.ts'
import { dial } from '../transport/node/index.ts'
import type { ClientSettings } from './client-settings.ts'
import { Interrupted, RefusedError } from './endings.ts'
import { CommandError, type ExitReason } from './exit.ts'
import { traced } from './packet-trace.ts'
import { type Say, sayRaw } from './stderr.ts'

const SIGNALS = { SIGINT: 130, SIGTERM: 143 } as const

/** Fires at the first signal, with an Interrupted; the second ends the process at once. */
export function stopSignal(): AbortSignal {
  const stop = new AbortController()
  for (const [name, exitCode] of Object.entries(SIGNALS)) {
    process.on(name, () => {
      if (stop.signal.aborted) process.exit(exitCode)
      stop.abort(new Interrupted(exitCode))
    })
  }
  return stop.signal
}

/**
 * Connects. The first attempt must succeed; a connection that is lost later is made again, for as long as it takes.
 * Throws a CommandError.
 */
export async function openClient(settings: ClientSettings, stop: AbortSignal, say: Say): Promise<Client> {
  const attempt = new AbortController()
  const onStop = () => attempt.abort(stop.reason)
  if (stop.aborted) onStop()
  stop.addEventListener('abort', onStop, { once: true })
  let online = false
  let failure: MqttError | null = null
  const onEvent = (event: ClientEvent): void => {
    const again = online
    if (event.type === 'online') online = true
    if (event.type === 'retry' && !online) {
      failure = event.error
      attempt.abort(event.error)
    }
    if (event.type === 'unclaimed') {
      say(
        `a message on ${event.topic} belongs to another subscription of the resumed session: -t prints it, -U ends it`,
      )
    } else if (settings.debug || event.type === 'offline' || (event.type === 'online' && again)) {
      say(describeEvent(event))
    }
  }
  const { host, port, unix } = settings
  const url = `mqtt://${host.includes(':') ? `[${host}]` : host}:${port}`
  const options: ConnectOptions = {
    ...settings.options,
    reconnect: RECONNECT,
    onEvent,
    signal: attempt.signal,
    ...(unix === undefined && !settings.debug ? {} : { transport: (signal) => openTransport(settings, signal) }),
  }
  try {
    const client = await connect(url, options)
    // From here on the signal would end the client without a DISCONNECT.
    stop.removeEventListener('abort', onStop)
    return client
  } catch (error) {
    stop.throwIfAborted()
    throw commandError(failure ?? error, settings, 'refused', false)
  }
}

/** Milliseconds. Short, since somebody may be watching for the broker to come back. */
const RECONNECT: ReconnectOptions = { min: 500, max: 1000, jitter: 0.5 }

async function openTransport(settings: ClientSettings, signal: AbortSignal): Promise<ClientTransport> {
  const { host, port, unix, version, debug } = settings
  const transport = await dial(unix === undefined ? { host, port, signal } : { path: unix, signal })
  return debug ? traced(transport, version, sayRaw) : transport
}

/** Milliseconds: what was written at QoS 0 must leave, however slow the network is; but who interrupts does not wait. */
const PATIENCE = 2 ** 31 - 1
const HURRY = 1000

/** How to disconnect. In MQTT 5.0 a client that is interrupted has its will published. */
function farewell({ version, properties }: ClientSettings, stop: AbortSignal): CloseOptions {
  const { sessionExpiryInterval, userProperties } = properties.disconnect ?? {}
  const interrupted = stop.reason instanceof Interrupted
  return {
    timeout: stop.aborted ? HURRY : PATIENCE,
    ...(sessionExpiryInterval === undefined ? {} : { sessionExpiry: sessionExpiryInterval }),
    ...(userProperties === undefined ? {} : { userProperties }),
    ...(interrupted && version === 5 ? { withWill: true } : {}),
  }
}

/** Disconnects from the broker. */
export function leave(client: Client, settings: ClientSettings, stop: AbortSignal): Promise<void> {
  return orHurry(client.close(farewell(settings, stop)), stop)
}

/** Resolves as the promise does; but soon after the signal, if that fires meanwhile or has. */
export async function orHurry(promise: Promise<void>, stop: AbortSignal): Promise<void> {
  const late = new Promise<void>((resolve) => {
    const hurry = () => void setTimeout(resolve, HURRY)
    if (stop.aborted) hurry()
    else stop.addEventListener('abort', hurry, { once: true })
  })
  await Promise.race([promise, late])
}

/** A login was refused: what the user can do if no password was sent. */
const LOGIN_REFUSED: ReadonlySet<number | undefined> = new Set([0x86, 0x87])

/** The exit code follows from what happened; `refusal` is what it is called when the broker turns something down. */
function exitReason(code: string, refusal: ExitReason, connected: boolean): ExitReason {
  switch (code) {
    case 'ERR_UNREACHABLE':
      return 'unreachable'
    case 'ERR_DENIED':
    case 'ERR_REJECTED':
    case 'ERR_TOO_LARGE':
    case 'ERR_UNSUPPORTED':
      return refusal
    case 'ERR_TOPIC':
    case 'ERR_OPTION':
    case 'ERR_URL':
      return 'usage'
    default:
      return connected ? 'other' : 'unreachable'
  }
}

/** The error of the client library as this command tells it. */
export function commandError(
  error: unknown,
  settings: ClientSettings,
  refusal: ExitReason,
  connected = true,
): CommandError {
  if (error instanceof CommandError) return error
  const { code, message, reasonCode } = error as MqttError
  if (typeof code !== 'string' || !code.startsWith('ERR_')) throw error
  if (code !== 'ERR_REFUSED') return new CommandError(exitReason(code, refusal, connected), message)
  const hint =
    LOGIN_REFUSED.has(reasonCode) && !settings.hasPassword ? ' Use -u and -P, or MQTT_USERNAME and MQTT_PASSWORD.' : ''
  const words = message.replace('protocol: 4', '-V 311').replace('protocol: 5', '-V 5').replace('clientId', '-i')
  return new RefusedError(words + hint, connackCode(reasonCode ?? 0x80, settings.version))
}

function connackCode(reasonCode: number, version: ProtocolVersion): number {
  return version === 5 ? reasonCode : connectReturnCode(reasonCode)
}

function describeEvent(event: ClientEvent): string {
  switch (event.type) {
    case 'online':
      return `connected to ${event.address}${event.sessionPresent ? ', which has the session' : ''}`
    case 'offline':
      return `connection lost, reconnecting: ${event.error.message}`
    case 'retry':
      return `attempt ${event.attempt} in ${(event.delay / 1000).toFixed(1)} s: ${event.error.message}`
    case 'closed':
      return event.error === null ? 'disconnected' : `closed: ${event.error.message}`
    default:
      return `${event.type}: ${'error' in event ? event.error.message : 'topic' in event ? event.topic : ''}`
  }
}
