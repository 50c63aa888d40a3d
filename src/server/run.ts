import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import type { EventLevel } from '../broker/index.ts'
import { type Config, defaultConfig, defaultListener, describeProblem, parseConfig, version } from '../config/index.ts'
import { levelsFrom, listenOptionsFrom, settingsFrom } from './from-config.ts'
import { Log } from './log.ts'
import { logProblem, writerTo } from './log-writers.ts'
import { openStore } from './open-store.ts'
import { type ListenOptions, Server } from './server.ts'
import { limitYoungGeneration } from './young-generation.ts'

/** What the command line says. */
export interface BrokerArguments {
  readonly configFile: string | null
  /** Null: what the configuration says, or 1883. */
  readonly port: number | null
  readonly verbose: boolean
  readonly quiet: boolean
  /** Only check the configuration. */
  readonly testConfig: boolean
}

const DEFAULT_PORT = 1883
const MEMORY_CHECK_MS = 100
const EXIT_BAD_CONFIG = 3
const EXIT_CANNOT_START = 1

/** Runs the broker until a signal ends it; resolves with the exit code. Errors are told on stderr. */
export async function runBroker(args: BrokerArguments): Promise<number> {
  const config = readConfig(args)
  if (config === null) return EXIT_BAD_CONFIG
  if (args.testConfig) {
    process.stderr.write(`${args.configFile ?? 'The default configuration'} is right.\n`)
    return 0
  }
  const { globalMaxConnections, logDest, pidFile } = config.general
  const problem = logProblem(logDest)
  if (problem !== null) {
    process.stderr.write(`nightjar: ${problem}\n`)
    return EXIT_BAD_CONFIG
  }
  const log = makeLog(config, args)
  log.line('notice', `nightjar ${version} starts (process ${process.pid}, Node ${process.version})`)
  log.line(
    'information',
    args.configFile === null ? 'No configuration file: defaults' : `Configuration: ${args.configFile}`,
  )
  const toOpen = listeners(config, args)
  const store = await openStore(config, args.configFile !== null, toOpen[0]?.port ?? 0, log)
  if (store === null) {
    log.flush()
    return EXIT_CANNOT_START
  }
  const settings = settingsFrom(config.general, `nightjar version ${version}`)
  const server = new Server(settings, (event) => log.event(event), undefined, store, globalMaxConnections)
  for (const listener of toOpen) {
    if (await open(server, listener, log)) continue
    log.flush()
    await server.close(0)
    return EXIT_CANNOT_START
  }
  tellWhoMayConnect(config, args, log)
  if (pidFile !== null && !writePid(pidFile, log)) {
    log.flush()
    await server.close(0)
    return EXIT_BAD_CONFIG
  }
  const memory = setInterval(() => {
    if (!limitYoungGeneration()) clearInterval(memory)
  }, MEMORY_CHECK_MS)
  const signal = await stopSignal()
  clearInterval(memory)
  log.line('notice', `${signal}: stopping`)
  await server.close()
  log.line('notice', `nightjar ${version} has stopped`)
  log.flush()
  if (pidFile !== null) rmSync(pidFile, { force: true })
  return 0
}

function writePid(path: string, log: Log): boolean {
  try {
    writeFileSync(path, `${process.pid}\n`)
    return true
  } catch (error) {
    log.line('error', `Cannot write the pid_file ${path}: ${(error as Error).message}`)
    return false
  }
}

function readConfig(args: BrokerArguments): Config | null {
  const { configFile } = args
  if (configFile === null) return defaultConfig()
  let text: string
  try {
    text = readFileSync(configFile, 'utf8')
  } catch (error) {
    process.stderr.write(`nightjar: cannot read the configuration ${configFile}: ${(error as Error).message}\n`)
    return null
  }
  const { config, problems } = parseConfig(text, configFile)
  for (const problem of problems) process.stderr.write(`${describeProblem(problem)}\n`)
  return problems.some(({ severity }) => severity === 'error') ? null : config
}

function makeLog(config: Config, args: BrokerArguments): Log {
  const { logDest, logTimestamp, logTimestampFormat } = config.general
  const levels: Set<EventLevel> = levelsFrom(config, args.verbose, args.quiet)
  const writers = logDest.map(writerTo)
  return new Log({
    levels: writers.length === 0 ? new Set() : levels,
    timestamp: logTimestamp,
    timestampFormat: logTimestampFormat,
    write: (text) => {
      for (const write of writers) write(text)
    },
  })
}

/** Without a listener in the configuration it is, as in mosquitto, this machine only; without a configuration, everywhere. */
function listeners(config: Config, args: BrokerArguments): ListenOptions[] {
  const { general } = config
  const unsaid = args.configFile === null ? 'private' : config.localOnly ? 'everybody' : 'nobody'
  if (!config.localOnly && args.configFile !== null) {
    return config.listeners.map((listener) => listenOptionsFrom(listener, general, unsaid))
  }
  const { allowAnonymous, allowZeroLengthClientid, autoIdPrefix } = general
  const said = { allowAnonymous, allowZeroLengthClientid, autoIdPrefix }
  const listener = config.listeners[0] ?? { ...defaultListener(DEFAULT_PORT), ...said }
  const options = listenOptionsFrom(listener, general, unsaid)
  const port = args.port ?? listener.port
  if (args.configFile === null) return [{ ...options, port }]
  return ['127.0.0.1', '::1'].map((host) => ({ ...options, port, host }))
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
    // A machine without IPv6 still has its IPv4 half of 'this machine'.
    if (host === '::1' && (code === 'EADDRNOTAVAIL' || code === 'EAFNOSUPPORT')) return true
    const why = (path === undefined ? WHY : WHY_PATH)[code ?? ''] ?? message
    log.line('error', `Cannot listen on ${place(options.port)}: ${why}`)
    return false
  }
}

const WHY: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another program listens there already. Stop it, or choose another port with -p',
  EACCES: 'ports below 1024 need more rights. Choose another port with -p',
  EADDRNOTAVAIL: 'this machine does not have that address',
}

const WHY_PATH: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another program listens there already, or it is a file that is no socket',
  EACCES: 'this user may not make a socket there',
}

function tellWhoMayConnect(config: Config, args: BrokerArguments, log: Log): void {
  if (args.configFile === null) {
    log.line(
      'notice',
      'Clients of this machine and of private networks may connect without a password; `allow_anonymous true` in a configuration file lets in all others too',
    )
  } else if (config.localOnly) {
    log.line('notice', 'The configuration opens no listener: only this machine can connect. `listener 1883` opens one')
  } else if (config.listeners.every(({ allowAnonymous }) => allowAnonymous !== true)) {
    log.line('warning', 'Nobody can connect: there is neither `allow_anonymous true` nor a way to log in')
  }
}

function stopSignal(): Promise<string> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      let seen = false
      process.on(signal, () => {
        if (seen) process.exit(1)
        seen = true
        resolve(signal)
      })
    }
  })
}
