import type { Properties } from '../../protocol/index.ts'
import { utf8AsBinary, view } from './binary.ts'
import type { ByteWriter } from './byte-writer.ts'
import { jsonMessage } from './json-message.ts'
import type { PrintableMessage } from './message.ts'
import { fixedPoint } from './numbers.ts'
import { isoTime, type Moment, unixTime } from './strftime.ts'
import { safeJson, safePayload, safeText } from './terminal.ts'

/** What stands between % and the letter. */
export interface Layout {
  readonly alignLeft: boolean
  readonly pad: ' ' | '0'
  /** Least number of bytes; 0 if none was given. */
  readonly width: number
  /** Most bytes of a text, digits after the point, bytes between separators in hex; -1 if none was given. */
  readonly precision: number
  /** Between groups of hex digits. */
  readonly separator: string
}

export interface Printing {
  readonly writer: ByteWriter
  readonly message: PrintableMessage
  /** The moment of printing, the same for the whole line. */
  moment(): Moment
  readonly pretty: boolean
  /** It goes to a terminal, which must not be driven by what comes. */
  readonly terminal: boolean
  /** Says on stderr what could not be printed. */
  complain(problem: string): void
}

export type Field = (printing: Printing, layout: Layout) => void

const FRACTION_DIGITS = 6

function pad(text: string, layout: Layout, padding: string): string {
  return layout.alignLeft ? text.padEnd(layout.width) : text.padStart(layout.width, padding)
}

/** Width and precision count bytes. */
function printText({ writer, terminal }: Printing, value: string, layout: Layout): void {
  const text = terminal ? safeText(value) : value
  if (layout.width === 0 && layout.precision < 0) {
    writer.text(text)
    return
  }
  const bytes = utf8AsBinary(text)
  writer.binary(pad(layout.precision < 0 ? bytes : bytes.slice(0, layout.precision), layout, ' '))
}

function printNumber({ writer }: Printing, digits: string, layout: Layout): void {
  if (digits.startsWith('-') && layout.pad === '0' && !layout.alignLeft) {
    writer.text(`-${digits.slice(1).padStart(layout.width - 1, '0')}`)
  } else writer.text(pad(digits, layout, layout.pad))
}

function printBlank({ writer }: Printing, layout: Layout): void {
  writer.text(layout.pad.repeat(layout.width))
}

function number(property: keyof Properties): Field {
  return (printing, layout) => {
    const value = printing.message.properties[property]
    if (value === undefined) printBlank(printing, layout)
    else printNumber(printing, String(value), layout)
  }
}

/** The width is the most bytes as well: that is what mosquitto_sub does, though its manual does not say so. */
function payload({ writer, message, terminal }: Printing, layout: Layout): void {
  const bytes = terminal ? safePayload(message.payload) : message.payload
  const shown = layout.width === 0 ? bytes : bytes.subarray(0, layout.width)
  const padding = Math.max(0, layout.width - shown.length)
  if (!layout.alignLeft) writer.binary(layout.pad.repeat(padding))
  writer.bytes(shown)
  if (layout.alignLeft) writer.binary(' '.repeat(padding))
}

function hexadecimal(upperCase: boolean): Field {
  return ({ writer, message }, layout) => {
    const shown = layout.width === 0 ? message.payload : message.payload.subarray(0, layout.width)
    const lower = view(shown).toString('hex')
    const digits = pad(upperCase ? lower.toUpperCase() : lower, layout, layout.pad)
    writer.binary(layout.precision > 0 ? grouped(digits, layout) : digits)
  }
}

function grouped(digits: string, { precision, separator }: Layout): string {
  const groups: string[] = []
  for (let at = 0; at < digits.length; at += precision) groups.push(digits.slice(at, at + precision))
  return groups.join(separator)
}

function floatingPoint(bytes: 4 | 8, name: string): Field {
  return (printing, layout) => {
    const { payload, topic } = printing.message
    if (payload.length !== bytes) {
      printing.complain(`the payload on ${topic} is not a ${name}: it has ${payload.length} bytes, not ${bytes}`)
      return
    }
    const data = new DataView(payload.buffer, payload.byteOffset, bytes)
    const value = bytes === 4 ? data.getFloat32(0, true) : data.getFloat64(0, true)
    printNumber(printing, fixedPoint(value, layout.precision < 0 ? FRACTION_DIGITS : layout.precision), layout)
  }
}

function json(payloadIsJson: boolean): Field {
  return (printing) => {
    const { message, pretty } = printing
    const text = jsonMessage(message, printing.moment(), { pretty }, payloadIsJson)
    if (text === null) printing.complain(`the payload on ${message.topic} is not JSON: print it with %j or %p`)
    else printing.writer.binary(printing.terminal ? safeJson(text) : text)
  }
}

/** The letters after %. */
export const FIELDS: Readonly<Record<string, { readonly field: Field; readonly doc: string }>> = {
  '%': { field: ({ writer }) => writer.text('%'), doc: 'a percent sign' },
  A: { field: number('topicAlias'), doc: 'Topic Alias (v5)' },
  C: {
    field: (printing, layout) => {
      const { contentType } = printing.message.properties
      if (contentType === undefined) printBlank(printing, layout)
      else printText(printing, contentType, layout)
    },
    doc: 'Content Type (v5)',
  },
  D: {
    field: ({ writer, message, terminal }) => {
      const { correlationData: data } = message.properties
      if (data !== undefined) writer.bytes(terminal ? safePayload(data) : data)
    },
    doc: 'Correlation Data (v5), its bytes',
  },
  E: { field: number('messageExpiryInterval'), doc: 'Message Expiry Interval (v5), seconds left' },
  F: { field: number('payloadFormatIndicator'), doc: 'Payload Format Indicator (v5)' },
  I: { field: (p, layout) => printText(p, isoTime(p.moment()), layout), doc: 'current date and time, ISO 8601' },
  J: { field: json(true), doc: 'the message as JSON, with the payload as JSON' },
  P: {
    field: ({ writer, message, terminal }) => {
      const pairs = message.properties.userProperties ?? []
      const text = pairs.map(([name, value]) => `${name}:${value}`).join(' ')
      writer.text(terminal ? safeText(text) : text)
    },
    doc: 'User Properties (v5), each as name:value',
  },
  R: {
    field: (printing, layout) => {
      const { responseTopic } = printing.message.properties
      if (responseTopic !== undefined) printText(printing, responseTopic, layout)
    },
    doc: 'Response Topic (v5)',
  },
  S: {
    field: (printing, layout) => {
      const identifier = printing.message.properties.subscriptionIdentifiers?.[0]
      if (identifier === undefined) printBlank(printing, layout)
      else printNumber(printing, String(identifier), layout)
    },
    doc: 'Subscription Identifier (v5), the first one',
  },
  U: { field: (p) => p.writer.text(unixTime(p.moment())), doc: 'seconds since 1970 with nine decimal places' },
  X: { field: hexadecimal(true), doc: 'payload in hexadecimal, upper case' },
  d: { field: floatingPoint(8, 'double'), doc: 'payload as the 8 bytes of a little-endian double' },
  f: { field: floatingPoint(4, 'float'), doc: 'payload as the 4 bytes of a little-endian float' },
  j: { field: json(false), doc: 'the message as JSON, with the payload as a string' },
  l: { field: (p, layout) => printNumber(p, String(p.message.payload.length), layout), doc: 'payload length in bytes' },
  m: { field: (p, layout) => printNumber(p, String(p.message.packetId), layout), doc: 'Packet Identifier, 0 at QoS 0' },
  p: { field: payload, doc: 'payload, its bytes' },
  q: { field: ({ writer, message }) => writer.text(String(message.qos)), doc: 'QoS' },
  r: { field: ({ writer, message }) => writer.text(message.retain ? '1' : '0'), doc: 'RETAIN flag, 0 or 1' },
  t: { field: (p, layout) => printText(p, p.message.topic, layout), doc: 'topic' },
  x: { field: hexadecimal(false), doc: 'payload in hexadecimal, lower case' },
}
