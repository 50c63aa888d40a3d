import type { ByteWriter } from './format/byte-writer.ts'
import type { Part } from './format/format.ts'
import type { PrintableMessage } from './format/message.ts'
import { type Moment, now } from './format/strftime.ts'
import { safePayload, safeText } from './format/terminal.ts'

export interface PrinterOptions {
  readonly format: Part | undefined
  readonly verbose: boolean
  readonly newline: boolean
  readonly pretty: boolean
  readonly terminal: boolean
  readonly color: boolean
  complain(problem: string): void
}

const NEWLINE = 0x0a
const BLANK = 0x20
const CYAN = '\x1b[36m'
const PLAIN = '\x1b[0m'

/** Puts a message into the writer in the form that the options ask for. */
export function makePrinter(writer: ByteWriter, options: PrinterOptions): (message: PrintableMessage) => void {
  if (options.format !== undefined) return formatted(writer, options, options.format)
  return options.verbose ? withTopic(writer, options) : payloadOnly(writer, options)
}

function formatted(writer: ByteWriter, options: PrinterOptions, format: Part): (message: PrintableMessage) => void {
  const { newline, pretty, terminal } = options
  const complain = (problem: string) => options.complain(problem)
  return (message) => {
    let moment: Moment | undefined
    const time = () => (moment ??= now())
    format({ writer, message, moment: time, pretty, terminal, complain })
    if (newline) writer.byte(NEWLINE)
  }
}

/** An empty payload prints nothing, not even the end of a line: so mosquitto_sub has it. */
function payloadOnly(writer: ByteWriter, { newline, terminal }: PrinterOptions): (message: PrintableMessage) => void {
  return ({ payload }) => {
    if (payload.length === 0) return
    writer.bytes(terminal ? safePayload(payload) : payload)
    if (newline) writer.byte(NEWLINE)
  }
}

/** An empty payload is shown as (null), and with -N not at all: so mosquitto_sub has it. */
function withTopic(writer: ByteWriter, options: PrinterOptions): (message: PrintableMessage) => void {
  const { newline, terminal, color } = options
  const topicOf = (topic: string) => {
    const text = terminal ? safeText(topic) : topic
    return color ? CYAN + text + PLAIN : text
  }
  return ({ topic, payload }) => {
    if (payload.length === 0) {
      if (newline) writer.text(`${topicOf(topic)} (null)\n`)
      return
    }
    writer.text(topicOf(topic))
    writer.byte(BLANK)
    writer.bytes(terminal ? safePayload(payload) : payload)
    if (newline) writer.byte(NEWLINE)
  }
}
