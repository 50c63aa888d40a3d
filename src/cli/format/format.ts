import { FIELDS, type Layout, type Printing } from './fields.ts'
import { strftime } from './strftime.ts'

/** Why a format string of -F cannot be used. */
export class FormatError extends Error {}

/** Widths and precisions beyond this are slips of the finger. */
const LARGEST = 65_535

export type Part = (printing: Printing) => void

const ESCAPES: Readonly<Record<string, number>> = {
  '\\': 0x5c,
  '0': 0x00,
  a: 0x07,
  e: 0x1b,
  n: 0x0a,
  r: 0x0d,
  t: 0x09,
  v: 0x0b,
}

/** After these, % - 0 width . precision, one more character may say what to put between groups of hex digits. */
const PERCENT = /%(-)?(0)?(\d*)(?:\.(\d*))?([!"#$&'()*+,\-./:;<=>?@[\\\]^_`{|}~ ])?([\s\S])?/y

/** Compiles the format string of -F once; the result prints one message. Throws a FormatError. */
export function compileFormat(format: string): Part {
  const parts: Part[] = []
  let at = 0
  while (at < format.length) {
    const special = nextSpecial(format, at)
    if (special > at) parts.push(literal(format.slice(at, special)))
    if (special === format.length) break
    at = special
    const introducer = format[at]!
    if (introducer === '%') at = percent(format, at, parts)
    else {
      const character = characterAt(format, at + 1)
      if (character === undefined) throw new FormatError(`the format is incomplete after '${introducer}'`)
      parts.push(introducer === '@' ? time(character) : escaped(character))
      at += 1 + character.length
    }
  }
  return (printing) => {
    for (const part of parts) part(printing)
  }
}

function nextSpecial(format: string, from: number): number {
  for (let at = from; at < format.length; at++) if ('%@\\'.includes(format[at]!)) return at
  return format.length
}

function characterAt(text: string, at: number): string | undefined {
  const codePoint = text.codePointAt(at)
  return codePoint === undefined ? undefined : String.fromCodePoint(codePoint)
}

function literal(text: string): Part {
  return ({ writer }) => writer.text(text)
}

function percent(format: string, at: number, parts: Part[]): number {
  PERCENT.lastIndex = at
  const [whole, minus, zero, width, precision, separator, letter] = PERCENT.exec(format)!
  if (letter === undefined) throw new FormatError(`the format is incomplete after '${format.slice(at)}'`)
  const found = Object.hasOwn(FIELDS, letter) ? FIELDS[letter] : undefined
  if (found === undefined) throw new FormatError(`unknown format %${letter}: see nightjar help sub`)
  const layout: Layout = {
    alignLeft: minus !== undefined,
    pad: zero === undefined ? ' ' : '0',
    width: Number(width),
    precision: precision === undefined ? -1 : Number(precision),
    separator: separator ?? ' ',
  }
  if (layout.width > LARGEST || layout.precision > LARGEST) {
    throw new FormatError(`${whole} is wider than ${LARGEST}`)
  }
  parts.push((printing) => found.field(printing, layout))
  return at + whole.length
}

function time(conversion: string): Part {
  if (conversion === '@') return literal('@')
  return (printing) => printing.writer.text(strftime(conversion, printing.moment()))
}

function escaped(letter: string): Part {
  const byte = Object.hasOwn(ESCAPES, letter) ? ESCAPES[letter] : undefined
  if (byte === undefined)
    throw new FormatError(`unknown escape \\${letter} in the format: use \\\\ \\0 \\a \\e \\n \\r \\t \\v`)
  return ({ writer }) => writer.byte(byte)
}
