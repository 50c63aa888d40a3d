import { utf8AsBinary } from './binary.ts'
import { jsonNumber } from './numbers.ts'

/**
 * JSON as mosquitto prints it, byte for byte: it keeps the order and number of keys, which JSON.parse would not, and takes
 * strings as bytes, which need not be UTF-8. So everything here is text of which each character is one byte.
 */
export interface JsonStyle {
  readonly pretty: boolean
}

const NESTING_MAX = 1000

const ESCAPES: Readonly<Record<string, string>> = {
  '"': '\\"',
  '\\': '\\\\',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must be escaped
const MUST_ESCAPE = /["\\\u0000-\u001f]/g

/** As in C, a string ends before its first U+0000. */
export function jsonString(binary: string): string {
  const end = binary.indexOf('\0')
  const text = end < 0 ? binary : binary.slice(0, end)
  return `"${text.replace(MUST_ESCAPE, (c) => ESCAPES[c] ?? `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)}"`
}

/** An object of ready values; `depth` is 1 for the outermost. */
export function jsonObject(
  entries: readonly (readonly [key: string, json: string])[],
  style: JsonStyle,
  depth: number,
): string {
  if (!style.pretty) return `{${entries.map(([key, json]) => `${jsonString(key)}:${json}`).join(',')}}`
  const indent = '\t'.repeat(depth)
  const lines = entries.map(([key, json]) => `${indent}${jsonString(key)}:\t${json}`)
  return `{\n${lines.join(',\n')}${lines.length > 0 ? '\n' : ''}${'\t'.repeat(depth - 1)}}`
}

/** Prints JSON again in the style; `depth` is how many objects and arrays are around it. Null if it is not JSON. */
export function jsonAgain(binary: string, style: JsonStyle, depth: number): string | null {
  const parser = new Reprinter(binary.startsWith('\xef\xbb\xbf') ? binary.slice(3) : binary, style)
  return parser.whole(depth)
}

class Reprinter {
  readonly #text: string
  readonly #style: JsonStyle
  #at = 0
  #nesting = 0

  constructor(text: string, style: JsonStyle) {
    this.#text = text
    this.#style = style
  }

  whole(depth: number): string | null {
    this.#skipBlanks()
    const value = this.#value(depth)
    this.#skipBlanks()
    return this.#at === this.#text.length ? value : null
  }

  /** Every method returns null, and all above it give up, once the text is not JSON. */
  #value(depth: number): string | null {
    switch (this.#text[this.#at]) {
      case '{':
        return this.#nested(() => this.#object(depth + 1))
      case '[':
        return this.#nested(() => this.#array(depth + 1))
      case '"': {
        const text = this.#string()
        return text === null ? null : jsonString(text)
      }
      default:
        return this.#word() ?? this.#number()
    }
  }

  #nested(read: () => string | null): string | null {
    if (++this.#nesting > NESTING_MAX) return null
    const value = read()
    this.#nesting--
    return value
  }

  #object(depth: number): string | null {
    const entries: [string, string][] = []
    const complete = this.#list('}', () => {
      const key = this.#text[this.#at] === '"' ? this.#string() : null
      if (key === null) return false
      this.#skipBlanks()
      if (this.#text[this.#at++] !== ':') return false
      this.#skipBlanks()
      const value = this.#value(depth)
      if (value === null) return false
      entries.push([key, value])
      return true
    })
    return complete ? jsonObject(entries, this.#style, depth) : null
  }

  #array(depth: number): string | null {
    const values: string[] = []
    const complete = this.#list(']', () => {
      const value = this.#value(depth)
      if (value === null) return false
      values.push(value)
      return true
    })
    return complete ? `[${values.join(this.#style.pretty ? ', ' : ',')}]` : null
  }

  /** From the opening bracket to the closing one. */
  #list(close: string, item: () => boolean): boolean {
    this.#at++
    this.#skipBlanks()
    if (this.#text[this.#at] === close) {
      this.#at++
      return true
    }
    for (;;) {
      this.#skipBlanks()
      if (!item()) return false
      this.#skipBlanks()
      const next = this.#text[this.#at++]
      if (next === close) return true
      if (next !== ',') return false
    }
  }

  #word(): string | null {
    for (const word of ['null', 'true', 'false']) {
      if (!this.#text.startsWith(word, this.#at)) continue
      this.#at += word.length
      return word
    }
    return null
  }

  #number(): string | null {
    const pattern = /-?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?/y
    pattern.lastIndex = this.#at
    const digits = pattern.exec(this.#text)?.[0]
    if (digits === undefined) return null
    this.#at += digits.length
    return jsonNumber(Number(digits))
  }

  #string(): string | null {
    this.#at++
    let text = ''
    for (;;) {
      const run = /[^"\\]*/y
      run.lastIndex = this.#at
      text += run.exec(this.#text)![0]
      this.#at = run.lastIndex
      const stop = this.#text[this.#at++]
      if (stop === undefined) return null
      if (stop === '"') return text
      const escaped = this.#escape()
      if (escaped === null) return null
      text += escaped
    }
  }

  #escape(): string | null {
    const letter = this.#text[this.#at++]
    if (letter === 'u') return this.#codePoint()
    if (letter === '/') return '/'
    for (const [character, escaped] of Object.entries(ESCAPES)) if (escaped[1] === letter) return character
    return null
  }

  #codePoint(): string | null {
    const first = this.#fourHex()
    if (first === null || (first >= 0xdc00 && first <= 0xdfff)) return null
    if (first < 0xd800 || first > 0xdbff) return utf8(first)
    if (this.#text[this.#at++] !== '\\' || this.#text[this.#at++] !== 'u') return null
    const second = this.#fourHex()
    if (second === null || second < 0xdc00 || second > 0xdfff) return null
    return utf8(0x10000 + ((first & 0x3ff) << 10) + (second & 0x3ff))
  }

  #fourHex(): number | null {
    const digits = this.#text.slice(this.#at, this.#at + 4)
    this.#at += 4
    return /^[0-9a-fA-F]{4}$/.test(digits) ? Number.parseInt(digits, 16) : null
  }

  #skipBlanks(): void {
    for (let code = this.#text.charCodeAt(this.#at); code > 0 && code <= 0x20; code = this.#text.charCodeAt(this.#at)) {
      this.#at++
    }
  }
}

function utf8(codePoint: number): string {
  return utf8AsBinary(String.fromCodePoint(codePoint))
}
