import type { Config, GeneralConfig, ListenerConfig, SecurityConfig } from './config.ts'
import { notYet, notYetNames } from './not-yet.ts'
import type { Option, Options } from './option.ts'
import { generalOptions, INCLUDE_DIR, LISTENER, listenerNames, listenerOptions, securityOptions } from './options.ts'
import type { Problem } from './problems.ts'
import { suggest } from './suggest.ts'
import { splitWord } from './types.ts'

/** Where an option's value goes. `own`: a security option by the name that always means the listener. */
type Scope = 'general' | 'security' | 'own' | 'listener'

interface Known {
  scope: Scope
  key: string
  option: Option<unknown>
}

const known = new Map<string, Known>()
addAll('general', generalOptions)
addAll('security', securityOptions)
addAll('listener', listenerOptions)
for (const [key, name] of Object.entries(listenerNames)) {
  known.set(name, { scope: 'own', key, option: securityOptions[key as keyof SecurityConfig] as Option<unknown> })
}

function addAll<C>(scope: Scope, options: Options<C>): void {
  for (const [key, option] of Object.entries<Option<unknown>>(options)) {
    for (const name of [option.name, ...(option.aliases ?? [])]) known.set(name, { scope, key, option })
  }
}

/** The values set so far in the general part or in one listener, and the line of each. */
class Part {
  readonly values: Record<string, unknown> = {}
  readonly lines = new Map<string, Place>()
  /** The line that opened it; 0 for the default listener until `port` or `bind_address` asks for it. */
  line = 0
  /** The file of that line. */
  file = ''
}

interface Place {
  readonly file: string
  readonly line: number
}

/**
 * What `include_dir` reads: the files of a folder, in the order in which they count. Throws an Error that says why they
 * cannot be read.
 */
export type Include = (folder: string) => readonly { readonly file: string; readonly text: string }[]

const includeNothing: Include = () => {
  throw new Error('there are no files')
}

/**
 * Reads the text of a mosquitto.conf. Never throws: what is wrong is in `problems`, in the order of the lines, and the
 * configuration is what the good lines come to. Other files are read by `include`.
 */
export function parseConfig(
  text: string,
  file: string,
  include: Include = includeNothing,
): { config: Config; problems: Problem[] } {
  const reader = new Reader(file, include)
  reader.read(text)
  return { config: reader.finish(), problems: reader.sorted() }
}

/** The configuration without a file: every default, no listener. */
export function defaultConfig(): Config {
  return parseConfig('', '').config
}

/** A listener on `port` with every default, for a port that the command line or a program names. */
export function defaultListener(port: number): ListenerConfig {
  return { line: 0, ...fill<Omit<ListenerConfig, 'line'>>({ ...listenerOptions, ...securityOptions }, { port }) }
}

class Reader {
  readonly problems: Problem[] = []
  readonly #main: string
  readonly #include: Include
  /** For each included file, the line of the main file that includes it. */
  readonly #includedAt = new Map<string, number>()
  /** That of the current line. */
  #file: string
  readonly #general = new Part()
  readonly #listeners: Part[] = []
  /** The default listener, once an option applies to it. */
  #default: Part | null = null
  /** The listener that options apply to now. */
  #current: Part | null = null
  #inBridge = false
  #line = 0
  #name = ''

  constructor(file: string, include: Include) {
    this.#main = file
    this.#file = file
    this.#include = include
  }

  read(text: string): void {
    const lines = text.replace(/^\uFEFF/, '').split(/\r\n|\n|\r/)
    for (const [index, line] of lines.entries()) this.#readLine(line, index + 1)
  }

  /** The problems in the order of the lines; those of an included file where it is included. */
  sorted(): Problem[] {
    const place = ({ file, line }: Problem): number => (file === this.#main ? line : this.#includedAt.get(file)!)
    return this.problems.sort((a, b) => place(a) - place(b))
  }

  #readLine(text: string, line: number): void {
    const trimmed = text.trim()
    if (trimmed === '' || trimmed.startsWith('#')) return
    const [name, rest] = splitWord(trimmed)
    this.#line = line
    this.#name = name
    const found = known.get(name)
    if (name === LISTENER) this.#openListener(rest)
    else if (name === INCLUDE_DIR) this.#includeFolder(rest)
    else if (found !== undefined) this.#set(found, rest)
    else if (notYet(name) !== undefined) this.#reportNotYet(rest)
    else this.#reportUnknown(rest)
  }

  #report(
    severity: Problem['severity'],
    message: string,
    suggestion = '',
    { file, line }: Place = { file: this.#file, line: this.#line },
    option = this.#name,
  ): void {
    this.problems.push({ severity, file, line, option, message: `\`${option}\` ${message}`, suggestion })
  }

  /** As in mosquitto: only the main file includes others, and a listener or bridge ends with the file that began it. */
  #includeFolder(folder: string): void {
    if (folder === '') {
      this.#report('error', 'needs a value: the path of a folder')
      return
    }
    if (this.#file !== this.#main) {
      this.#report('warning', 'works in the main file only, as in mosquitto: that folder is not read')
      return
    }
    const [line, current, inBridge] = [this.#line, this.#current, this.#inBridge]
    try {
      for (const { file, text } of this.#include(folder)) {
        this.#includedAt.set(file, line)
        this.#file = file
        this.#current = null
        this.#inBridge = false
        this.read(text)
      }
    } catch (error) {
      this.#file = this.#main
      const place = { file: this.#main, line }
      this.#report('error', `cannot be read: ${(error as Error).message}`, '', place, INCLUDE_DIR)
    }
    this.#file = this.#main
    this.#current = current
    this.#inBridge = inBridge
  }

  #openListener(rest: string): void {
    const part = new Part()
    part.line = this.#line
    part.file = this.#file
    this.#current = part
    const [port, behind] = splitWord(rest)
    if (port === '0') {
      this.#openSocket(part, behind)
      return
    }
    if (!this.#give(part, 'port', listenerOptions.port, port)) return
    const [address, extra] = splitWord(behind)
    if (!behind.startsWith('#')) {
      if (address !== '') part.values['bindAddress'] = address
      this.#ignore(extra)
    }
    this.#listeners.push(part)
  }

  /** Port 0: the rest of the line, blanks included, is the path of a Unix socket. */
  #openSocket(part: Part, path: string): void {
    if (path === '') {
      this.#report('error', 'with port 0 needs the path of a Unix socket, as in: listener 0 /run/nightjar.sock')
      return
    }
    part.values['port'] = 0
    part.values['bindAddress'] = path
    this.#listeners.push(part)
  }

  #set({ scope, key, option }: Known, rest: string): void {
    if (key === 'port' || key === 'bindAddress') {
      this.#current = this.#defaultListener()
      if (this.#current.line === 0) Object.assign(this.#current, { line: this.#line, file: this.#file })
    }
    if (key === 'perListenerSettings' && Object.keys(securityOptions).some((k) => this.#general.lines.has(k))) {
      this.#report('error', 'must come before any option on who may connect')
    }
    const part = this.#partFor(scope)
    if (part === null) return
    if (this.#give(part, key, option, rest)) this.#noteRepeat(part, key, option)
  }

  #partFor(scope: Scope): Part | null {
    const forListener =
      scope === 'own' || (scope === 'security' && this.#general.values['perListenerSettings'] === true)
    if (forListener && this.#current === null) {
      this.#report('error', 'must come after the `listener` that it applies to')
      return null
    }
    if (scope === 'general' || (scope === 'security' && !forListener)) return this.#general
    this.#current ??= this.#defaultListener()
    return this.#current
  }

  #defaultListener(): Part {
    if (this.#default === null) {
      this.#default = new Part()
      this.#listeners.push(this.#default)
    }
    return this.#default
  }

  /** Reads the value into the part; false if it is not valid. */
  #give(part: Part, key: string, option: Option<unknown>, rest: string): boolean {
    const { type } = option
    const [first, extra] = splitWord(rest)
    const value = type.line === true ? rest : first
    if (value === '' || (type.line !== true && value.startsWith('#'))) {
      this.#report('error', `needs a value: ${type.form}`)
      return false
    }
    const reading = type.read(value, part.values[key])
    if ('problem' in reading) {
      this.#report('error', `${reading.problem}, not \`${value}\``, adviceOn(this.#name, value))
      return false
    }
    if (reading.note !== undefined) this.#report('warning', reading.note)
    part.values[key] = reading.value
    if (type.line === true) {
      if (/^(["']).*\1$/.test(value))
        this.#report('warning', 'includes its quotes', 'remove them unless they are meant')
    } else if (this.#name !== LISTENER) this.#ignore(extra)
    return true
  }

  #ignore(extra: string): void {
    if (extra !== '' && !extra.startsWith('#')) this.#report('warning', `ignores what follows its value: \`${extra}\``)
  }

  #noteRepeat(part: Part, key: string, option: Option<unknown>): void {
    const earlier = part.lines.get(key)
    if (earlier !== undefined && option.type.repeats !== true) {
      this.#report('warning', `is set in ${this.#where(earlier)} already; this line wins`)
    }
    part.lines.set(key, { file: this.#file, line: this.#line })
  }

  #where({ file, line }: Place): string {
    return file === this.#file ? `line ${line}` : `${file}:${line}`
  }

  #reportNotYet(value: string): void {
    const { severity, why, never, bridge, harmless } = notYet(this.#name)!
    if (this.#name === 'connection') this.#inBridge = true
    if (bridge === true && this.#inBridge) return
    if (harmless?.includes(value) === true) return
    const status =
      never === true ? 'has no effect in nightjar' : 'is a mosquitto option that nightjar does not support yet'
    this.#report(severity, `${status}: ${why}`)
  }

  #reportUnknown(rest: string): void {
    const plain = this.#name.replace(/[:=]+$/, '')
    if ((plain !== this.#name || rest.startsWith('=')) && isName(plain)) {
      this.#report('error', 'is not written like an option', `write \`${plain} ${rest.replace(/^=\s*/, '')}\``)
      return
    }
    const near = suggest(this.#name, [
      LISTENER,
      INCLUDE_DIR,
      ...known.keys(),
      ...notYetNames.filter((name) => !name.endsWith('*')),
    ])
    this.#report('error', 'is not an option', near === null ? '' : `did you mean \`${near}\`?`)
  }

  finish(): Config {
    const asked = this.#listeners.filter((part) => part.line > 0)
    if (asked.length > 0 && this.#default?.line === 0) this.#reportUnusedDefault(this.#default)
    const parts = asked.length > 0 ? asked : this.#listeners
    this.#reportTwins(parts)
    return {
      general: fill<GeneralConfig>({ ...generalOptions, ...securityOptions }, this.#general.values),
      listeners: parts.map((part) => this.#makeListener(part)),
      localOnly: asked.length === 0,
    }
  }

  #makeListener(part: Part): ListenerConfig {
    const security: Record<string, unknown> = {}
    for (const key of Object.keys(securityOptions)) {
      if (key in this.#general.values) security[key] = this.#general.values[key]
    }
    const options = { ...listenerOptions, ...securityOptions }
    const listener = fill<Omit<ListenerConfig, 'line'>>(options, { ...security, ...part.values })
    return { line: part.line, ...listener }
  }

  #reportUnusedDefault(part: Part): void {
    for (const [key, place] of part.lines) {
      const option = { ...listenerOptions, ...securityOptions }[key as 'port'].name
      const message = 'has no effect: it applies to the default listener, which is not opened because there are others'
      this.#report('warning', message, 'move it below its `listener` line', place, option)
    }
  }

  #reportTwins(parts: readonly Part[]): void {
    const seen = new Map<string, Place>()
    for (const part of parts) {
      const { port = listenerOptions.port.default, bindAddress = '' } = part.values
      const earlier = seen.get(`${port} ${bindAddress}`)
      const place = port === 0 ? bindAddress : `port ${port}`
      if (earlier === undefined) {
        seen.set(`${port} ${bindAddress}`, part)
        continue
      }
      const where = earlier.file === part.file ? `line ${earlier.line}` : `${earlier.file}:${earlier.line}`
      this.#report('error', `opens ${place} twice: ${where} opens it already`, '', part, LISTENER)
    }
  }
}

function isName(name: string): boolean {
  return name === LISTENER || name === INCLUDE_DIR || known.has(name) || notYet(name) !== undefined
}

function adviceOn(name: string, value: string): string {
  if (value.startsWith('=')) return `write \`${name}\` and the value, without \`=\``
  return /^["']/.test(value) ? 'write it without quotes' : ''
}

/** The values that were set, and the defaults of all others. */
function fill<C>(options: Options<C>, values: Record<string, unknown>): C {
  const filled: Record<string, unknown> = {}
  for (const [key, option] of Object.entries<Option<unknown>>(options)) {
    filled[key] = key in values ? values[key] : option.default
  }
  return filled as C
}
