import { Buffer } from 'node:buffer'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Environment } from './client-settings.ts'
import { CommandError, usageError } from './exit.ts'
import { Given, parseArguments } from './parse.ts'
import { propertyArguments } from './properties.ts'
import type { Verb } from './verbs.ts'
import { wordOf } from './words.ts'

/**
 * The options of the command line, and before them those of the file of -o, or else of mosquitto's file, if there is one.
 * Throws a usage error.
 */
export function withOptionsFile(verb: Verb, given: Given, words: readonly string[], environment: Environment): Given {
  const named = given.text('optionsFile')
  const path = named ?? usualPath(verb, environment)
  const text = path === undefined ? null : readOptions(path, named !== undefined)
  if (text === null) return given
  const both = readLines(verb, text, path!)
  for (const [key, ruled] of Object.entries(RULED_OUT)) {
    if (given.has(key)) for (const other of ruled(given)) both.drop(other)
  }
  return parseArguments(verb, words, both)
}

/** Where mosquitto's clients look. */
function usualPath({ name }: Verb, { XDG_CONFIG_HOME: config, HOME: home }: Environment): string | undefined {
  const file = `mosquitto_${name}`
  if (config !== undefined && config !== '') return join(config, file)
  return home === undefined || home === '' ? undefined : join(home, '.config', file)
}

/** Null: there is none, and need not be. */
function readOptions(path: string, asked: boolean): Buffer | null {
  try {
    return readFileSync(path)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (!asked && (code === 'ENOENT' || code === 'ENOTDIR')) return null
    throw usageError(`cannot read the options in ${path}: ${message}`)
  }
}

/** Each line is one option; what follows the first blank is its argument, as it stands. */
function readLines(verb: Verb, text: Buffer, path: string): Given {
  const given = new Given(verb.options)
  for (const [i, line] of text.toString('latin1').split('\n').entries()) {
    const words = wordsOf(wordOf(Buffer.from(line.replace(/\r+$/, ''), 'latin1')))
    if (words.length === 0) continue
    try {
      if (words[0] === '-o') throw usageError('-o does not work in an options file')
      parseArguments(verb, words, given)
    } catch (error) {
      if (error instanceof CommandError) error.message = `${path}, line ${i + 1}: ${error.message}`
      throw error
    }
  }
  return given
}

function wordsOf(line: string): string[] {
  if (line.startsWith('#')) return []
  const [, option, argument] = /^ *([^ ]+)(?: (.*))?$/s.exec(line) ?? []
  if (option === undefined) return []
  if (argument === undefined) return [option]
  return option === '-D' || option === '--property' ? [option, ...propertyWords(argument)] : [option, argument]
}

/** COMMAND PROPERTY VALUE, of which the last may have blanks. */
function propertyWords(argument: string): string[] {
  const words = argument.trimStart().split(/ +/)
  const count = propertyArguments(words[1])
  const form = new RegExp(`^ *${'([^ ]+) +'.repeat(count - 1)}(.*)$`, 's')
  return form.exec(argument)?.slice(1) ?? words
}

/** Of which there can be one. */
const MESSAGES: readonly string[] = ['message', 'file', 'lines', 'null', 'stdin']

/** What the command line says rules out what the file says of the same matter under another name. */
const RULED_OUT: Readonly<Record<string, (given: Given) => readonly string[]>> = {
  url: (given) => ['host', 'port', 'unix', ...(given.text('url')!.includes('@') ? ['username', 'password'] : [])],
  unix: () => ['host', 'port', 'url'],
  host: () => ['unix'],
  port: () => ['unix'],
  id: () => ['idPrefix'],
  idPrefix: () => ['id'],
  ...Object.fromEntries(MESSAGES.map((key) => [key, () => MESSAGES])),
}
