import { type Config, version } from '../config/index.ts'
import { endOnFaults, tellFault } from './faults.ts'
import { levelsFrom, serverSettingsFrom } from './from-config.ts'
import { Log } from './log.ts'
import { openWriters } from './log-writers.ts'
import { tendMemory } from './memory.ts'
import { openStore } from './open-store.ts'
import { toldByPackets } from './packet-log.ts'
import { writePidFile } from './pid-file.ts'
import { readConfig } from './read-config.ts'
import { type ListenOptions, Server } from './server.ts'
import { stopSignal } from './signals.ts'

/** What the command line says. */
export interface BrokerArguments {
  readonly configFile: string | null
  /** Null: what the configuration says, or 1883. */
  readonly port: number | null
  /** Tell every event. */
  readonly verbose: boolean
  /** Tell of packets and subscriptions, whatever `log_type` says. */
  readonly packets: boolean
  readonly quiet: boolean
  /** Only check the configuration. */
  readonly testConfig: boolean
}

const EXIT_BAD_CONFIG = 3
const EXIT_CANNOT_START = 1

/** Runs the broker until a signal ends it; resolves with the exit code. Errors go to stderr. */
export async function runBroker(args: BrokerArguments): Promise<number> {
  const config = readConfig(args.configFile)
  if (config === null) return EXIT_BAD_CONFIG
  if (args.testConfig) {
    process.stderr.write(`${args.configFile ?? 'The default configuration'} is valid.\n`)
    return 0
  }
  let log: Log
  try {
    log = openLog(config, args)
  } catch (error) {
    process.stderr.write(`nightjar: ${(error as Error).message}\n`)
    return EXIT_BAD_CONFIG
  }
  process.on('exit', () => log.close())
  endOnFaults(log)
  return await serve(config, args, log).catch((error: unknown) => tellFault(log, error))
}

/** Resolves with the exit code. */
async function serve(config: Config, args: BrokerArguments, log: Log): Promise<number> {
  const stop = stopSignal(log)
  const { pidFile } = config.general
  log.line('notice', `nightjar ${version} starting (process ${process.pid}, Node ${process.version})`)
  log.line(
    'information',
    args.configFile === null ? 'No configuration file: defaults' : `Configuration: ${args.configFile}`,
  )
  const { settings, maximumConnections, listeners } = serverSettingsFrom(config, args)
  const toOpen = listeners.map((listener) => ({ ...listener, ...watching(config, args, log) }))
  const store = await openStore(config, args.configFile !== null, toOpen[0]?.port ?? 0, log)
  if (store === null) return EXIT_CANNOT_START
  const server = new Server(settings, (event) => log.event(event), undefined, store, maximumConnections)
  for (const listener of toOpen) {
    if (await open(server, listener, log)) continue
    await server.close(0)
    return EXIT_CANNOT_START
  }
  tellWhoMayConnect(config, args, log)
  if (pidFile !== null && !writePid(pidFile, log)) {
    await server.close(0)
    return EXIT_BAD_CONFIG
  }
  const stopTending = tendMemory(server.broker.core.metrics)
  const signal = await stop
  stopTending()
  log.line('notice', `${signal}: stopping`)
  await server.close()
  log.line('notice', `nightjar ${version} has stopped`)
  return 0
}

/** Packets and subscriptions are traced only if they are logged. */
function watching(config: Config, args: BrokerArguments, log: Log): Pick<ListenOptions, 'watched'> {
  const { logType, maxPacketSize } = config.general
  const asked = args.packets || logType.some((type) => ['debug', 'subscribe', 'unsubscribe'].includes(type))
  if (!asked || args.quiet) return {}
  return { watched: (acceptor) => toldByPackets(acceptor, log, maxPacketSize) }
}

function writePid(path: string, log: Log): boolean {
  try {
    writePidFile(path)
    return true
  } catch (error) {
    log.line('error', `Cannot write the pid_file ${path}: ${(error as Error).message}`)
    return false
  }
}

/** Throws an Error that says why the log cannot be written. */
function openLog(config: Config, args: BrokerArguments): Log {
  const { logDest, logTimestamp, logTimestampFormat } = config.general
  const silent = logDest.length === 0
  return new Log({
    levels: silent ? new Set() : levelsFrom(config, args.verbose, args.quiet),
    timestamp: logTimestamp,
    timestampFormat: logTimestampFormat,
    // A crash is logged even if nothing else is.
    writers: openWriters(silent ? [{ kind: 'stderr' }] : logDest),
  })
}

async function open(server: Server, options: ListenOptions, log: Log): Promise<boolean> {
  const { path, host } = options
  const place = (port: number): string =>
    path === undefined ? `port ${port} of ${host ?? 'all addresses of this machine'}` : `the Unix socket ${path}`
  try {
    log.line('notice', `Listening on ${place(await server.listen(options))}`)
    return true
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    // Without IPv6, 'this machine' is 127.0.0.1 alone.
    if (host === '::1' && (code === 'EADDRNOTAVAIL' || code === 'EAFNOSUPPORT')) return true
    const why = (path === undefined ? WHY : WHY_PATH)[code ?? ''] ?? message
    log.line('error', `Cannot listen on ${place(options.port)}: ${why}`)
    return false
  }
}

const WHY: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another program is using that port. Stop it, or choose another port with -p',
  EACCES: 'ports below 1024 need special rights. Choose another port with -p',
  EADDRNOTAVAIL: 'this machine does not have that address',
}

const WHY_PATH: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another program is using it, or it is a file that is not a socket',
  EACCES: 'this user may not create a socket there',
}

function tellWhoMayConnect(config: Config, args: BrokerArguments, log: Log): void {
  if (args.configFile === null) {
    log.line(
      'notice',
      'Clients on this machine and on private networks may connect without a password; `allow_anonymous true` in a configuration file admits all others',
    )
  } else if (config.localOnly) {
    log.line('notice', 'The configuration opens no listener: only this machine can connect. `listener 1883` opens one')
  } else if (config.listeners.every(({ allowAnonymous }) => allowAnonymous !== true)) {
    log.line(
      'warning',
      'Nobody can connect: there are no passwords yet, so the configuration needs `allow_anonymous true`',
    )
  }
}
