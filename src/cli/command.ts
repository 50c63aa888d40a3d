import { basename } from 'node:path'
import { Interrupted, RefusedError } from './endings.ts'
import { CommandError, EXIT_CODES, usageError } from './exit.ts'
import { writeAll } from './output.ts'
import { type Given, parseArguments } from './parse.ts'
import { type Say, sayAs } from './stderr.ts'
import { CALLED_AS, VERBS, type Verb, type VerbName } from './verbs.ts'

const STDOUT = 1

/** A verb's code is loaded when it runs: `pub` must not wait for the broker's code. */
const RUN: Readonly<Record<VerbName, (given: Given, say: Say) => Promise<number>>> = {
  broker: async (given) => (await import('./broker.ts')).runBrokerVerb(given),
  pub: async (given, say) => (await import('./pub.ts')).runPub(given, say),
  sub: async (given, say) => (await import('./sub.ts')).runSub(given, say),
  store: async (given, say) => (await import('./store.ts')).runStore(given, say),
}

/** What a command line asks for. */
interface Request {
  readonly verb: Verb
  readonly words: readonly string[]
  /** As the user calls it, for messages. */
  readonly command: string
  /** Called by the name of one of mosquitto's commands. */
  readonly mosquitto: boolean
}

/** `script` is the path by which the program was called. Resolves with the exit code; all errors have been told. */
export async function runCommand(script: string, words: readonly string[]): Promise<number> {
  let say = sayAs('nightjar')
  let request: Request | null = null
  try {
    if (wantsOverview(script, words)) return show((await import('./help.ts')).overview())
    request = await readRequest(script, words)
    say = sayAs(request.command)
    const given = await parseUnlessHelp(request)
    if (given === null) return show((await import('./help.ts')).verbHelp(request.verb, request.command))
    if (given.flag('showVersion')) return show(`nightjar ${(await import('./version.ts')).version}\n`)
    return await RUN[request.verb.name](given, say)
  } catch (error) {
    return await tell(error, say, request)
  }
}

function wantsOverview(script: string, words: readonly string[]): boolean {
  if (basename(script) in CALLED_AS) return false
  return words.length === 1 && ['help', '--help', '-h'].includes(words[0]!)
}

async function readRequest(script: string, words: readonly string[]): Promise<Request> {
  const name = basename(script)
  const calledAs = CALLED_AS[name]
  if (calledAs !== undefined) return { verb: VERBS[calledAs], words, command: name, mosquitto: true }
  const [first] = words
  if (first === 'help') return await forVerb(words[1]!, ['--help'])
  if (first === undefined || first.startsWith('-')) return await forVerb('broker', words)
  return await forVerb(first, words.slice(1))
}

async function forVerb(name: string, words: readonly string[]): Promise<Request> {
  if (Object.hasOwn(VERBS, name)) {
    const command = name === 'broker' ? 'nightjar' : `nightjar ${name}`
    return { verb: VERBS[name as VerbName], words, command, mosquitto: false }
  }
  throw usageError((await import('./guess.ts')).guessVerb(name, Object.keys(VERBS)))
}

/** Null if help is asked for: then the rest need not be right. */
async function parseUnlessHelp({ verb, words }: Request): Promise<Given | null> {
  if (words.includes('--help')) return null
  const given = parseArguments(verb, words)
  if (given.flag('help')) return null
  if (!verb.options.some(({ key }) => key === 'optionsFile')) return given
  return (await import('./options-file.ts')).withOptionsFile(verb, given, words, process.env)
}

function show(text: string): number {
  writeAll(STDOUT, new TextEncoder().encode(text))
  return EXIT_CODES.ok.code
}

async function tell(error: unknown, say: Say, request: Request | null): Promise<number> {
  // For mosquitto_sub a signal is the usual way to exit.
  if (error instanceof Interrupted)
    return request?.mosquitto === true && request.verb.name === 'sub' ? EXIT_CODES.ok.code : error.exitCode
  if (!(error instanceof CommandError)) {
    say(`${(error as Error).stack ?? error}`)
    return EXIT_CODES.other.code
  }
  const isUsage = error.exitCode === EXIT_CODES.usage.code
  const quiet = request?.words.includes('--quiet') === true
  if (isUsage) {
    const message = (await import('./guess.ts')).withGuess(error)
    say(`${message} (${request?.command ?? 'nightjar'} --help shows all)`)
  } else if (!quiet) say(error.message)
  return request?.mosquitto === true && error instanceof RefusedError ? error.connackCode : error.exitCode
}
