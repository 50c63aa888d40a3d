import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { test } from 'node:test'
import { ByteWriter } from '../../../src/cli/format/byte-writer.ts'
import { compileFormat } from '../../../src/cli/format/format.ts'
import type { PrintableMessage } from '../../../src/cli/format/message.ts'
import { makePrinter, type PrinterOptions } from '../../../src/cli/printer.ts'

const PLAIN: PrinterOptions = {
  format: undefined,
  verbose: false,
  newline: true,
  pretty: false,
  terminal: false,
  color: false,
  complain: () => {},
}
const OTHERS = { qos: 0, retain: false, packetId: 0, properties: {} } as const
const MESSAGES: readonly PrintableMessage[] = [
  { topic: 'a', payload: Buffer.from('one'), ...OTHERS },
  { topic: 'b', payload: Buffer.alloc(0), ...OTHERS },
  { topic: 'c', payload: Buffer.from('tw\x1bo'), ...OTHERS },
]

const TABLE: readonly [name: string, options: Partial<PrinterOptions>, expected: string][] = [
  ['the payload alone', {}, 'one\ntw\x1bo\n'],
  ['the payload with -N', { newline: false }, 'onetw\x1bo'],
  ['-v', { verbose: true }, 'a one\nb (null)\nc tw\x1bo\n'],
  ['-v -N', { verbose: true, newline: false }, 'a onec tw\x1bo'],
  ['-F', { format: compileFormat('%t=%p') }, 'a=one\nb=\nc=tw\x1bo\n'],
  ['-F -N', { format: compileFormat('%t'), newline: false }, 'abc'],
  ['the payload alone on a terminal', { terminal: true }, 'one\ntw\\x1bo\n'],
  ['-v on a terminal', { verbose: true, terminal: true }, 'a one\nb (null)\nc tw\\x1bo\n'],
  [
    '-v in colour',
    { verbose: true, terminal: true, color: true },
    '\x1b[36ma\x1b[0m one\n\x1b[36mb\x1b[0m (null)\n\x1b[36mc\x1b[0m tw\\x1bo\n',
  ],
]

for (const [name, options, expected] of TABLE) {
  test(`prints ${name}`, () => {
    const writer = new ByteWriter()
    const print = makePrinter(writer, { ...PLAIN, ...options })
    for (const message of MESSAGES) print(message)
    assert.equal(Buffer.from(writer.view()).toString(), expected)
  })
}
