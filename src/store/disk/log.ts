import { Buffer } from 'node:buffer'
import { join } from 'node:path'
import type { StoreRecord } from '../../broker/contracts.ts'
import { ByteWriter } from './byte-writer.ts'
import type { Files } from './files.ts'
import { FRAME_BYTES, readFrame, SEGMENT_HEAD, sealFrame } from './frames.ts'
import { writeRecord } from './records.ts'

/** When what was written is made safe against power loss: after every turn, once a second, or when the system likes. */
export type SyncMode = 'always' | 'everysec' | 'no'

export interface LogOptions {
  readonly folder: string
  readonly files: Files
  readonly sync: SyncMode
  /** A segment that has grown to this is followed by a new one. */
  readonly segmentBytes: number
  /** `durable` has gone up outside of `commit`. */
  readonly onDurable: () => void
  /** A segment is complete: it can be moved. */
  readonly onSealed: (segment: number) => void
  /** Writing or syncing failed, or works again (null). Told when it changes. */
  readonly onTrouble: (error: Error | null) => void
}

interface Segment {
  readonly number: number
  readonly fd: number
  length: number
  /** Written since the last sync. */
  unsynced: boolean
}

const SYNC_MS = 1000

/** The redo log: what a turn appended goes to the end of a file, in one write, before anything is sent. */
export class Log {
  /** All records up to this one are as safe as the mode promises. */
  durable: number
  /** The last record that was appended. */
  position: number
  readonly #options: LogOptions
  readonly #frame: ByteWriter = new ByteWriter()
  #records = 0
  #segment: Segment
  /** Full segments whose last bytes are not synced yet. */
  #finishing: Segment[] = []
  #trouble: Error | null = null
  #syncing = false
  readonly #timer: NodeJS.Timeout | null

  /** Goes on after `position`, in a new segment with that number. */
  constructor(options: LogOptions, position: number, segment: number) {
    this.#options = options
    this.position = position
    this.durable = position
    this.#segment = this.#open(segment)
    this.#startFrame()
    this.#timer = options.sync === 'everysec' ? setInterval(() => this.#sync(), SYNC_MS) : null
    this.#timer?.unref()
  }

  get segment(): number {
    return this.#segment.number
  }

  /** Where in the segment the next record will begin. */
  get offset(): number {
    return this.#segment.length + this.#frame.length
  }

  /** Bytes that wait because they could not be written. */
  get waitingBytes(): number {
    return this.#frame.length - FRAME_BYTES
  }

  /** The bytes of a record that is not written yet; null if it is in the file. */
  unwritten(segment: number, offset: number, length: number): Buffer | null {
    const at = offset - this.#segment.length
    if (segment !== this.#segment.number || at < 0) return null
    return this.#frame.buffer.subarray(at, at + length)
  }

  append(record: StoreRecord, session: number): number {
    writeRecord(this.#frame, record, session)
    this.#records++
    this.position++
    return this.position
  }

  /** Writes the turn's frame. If that fails the frame stays, grows, and is tried again at the next commit. */
  commit(): void {
    if (this.#records === 0) return
    const { buffer, length } = this.#frame
    sealFrame(buffer, length, this.position - this.#records + 1, this.#records)
    if (!this.#write(buffer, length)) return
    this.#segment.length += length
    this.#segment.unsynced = true
    this.#startFrame()
    if (this.#options.sync === 'always') this.#sync()
    else this.durable = this.position
    if (this.#segment.length >= this.#options.segmentBytes) this.#rotate()
  }

  /** Writes and syncs what is left, and closes the files. */
  async close(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer)
    this.commit()
    for (const segment of [...this.#finishing, this.#segment]) {
      await new Promise<void>((resolve) => this.#options.files.sync(segment.fd, () => resolve()))
      this.#options.files.close(segment.fd)
    }
    this.#finishing = []
  }

  #startFrame(): void {
    this.#frame.clear()
    this.#frame.reserve(FRAME_BYTES)
    this.#frame.length = FRAME_BYTES
    this.#records = 0
  }

  #write(buffer: Buffer, length: number): boolean {
    const { fd, length: at } = this.#segment
    try {
      let written = 0
      while (written < length) {
        written += this.#options.files.write(fd, buffer, written, length - written, at + written)
      }
    } catch (error) {
      this.#troubled(error as Error)
      return false
    }
    this.#troubled(null)
    return true
  }

  #troubled(error: Error | null): void {
    if ((error === null) === (this.#trouble === null)) return
    this.#trouble = error
    this.#options.onTrouble(error)
  }

  #rotate(): void {
    const full = this.#segment
    try {
      this.#segment = this.#open(full.number + 1)
    } catch (error) {
      // The full one grows on until there is room for another file.
      this.#troubled(error as Error)
      return
    }
    if (full.unsynced && this.#options.sync !== 'no') this.#finishing.push(full)
    else this.#options.files.close(full.fd)
    this.#options.onSealed(full.number)
  }

  #open(number: number): Segment {
    const { files, folder } = this.#options
    const fd = files.open(join(folder, segmentName(number)))
    files.truncate(fd, 0)
    files.write(fd, SEGMENT_HEAD, 0, SEGMENT_HEAD.length, 0)
    return { number, fd, length: SEGMENT_HEAD.length, unsynced: true }
  }

  /** Off the loop. One at a time: what is written meanwhile is covered by the next one. */
  #sync(): void {
    if (this.#syncing) return
    const segment = this.#finishing[0] ?? this.#segment
    if (!segment.unsynced) return
    this.#syncing = true
    segment.unsynced = false
    const covered = segment === this.#segment ? this.position - this.#records : this.durable
    this.#options.files.sync(segment.fd, (error) => {
      this.#syncing = false
      if (error === null) this.#synced(segment, covered)
      else segment.unsynced = true
      this.#troubled(error)
      if (this.#finishing.length > 0 || (this.#options.sync === 'always' && this.#segment.unsynced)) this.#sync()
    })
  }

  #synced(segment: Segment, covered: number): void {
    if (this.#finishing[0] === segment) {
      this.#finishing.shift()
      this.#options.files.close(segment.fd)
    }
    if (covered <= this.durable) return
    this.durable = covered
    this.#options.onDurable()
  }
}

export function segmentName(number: number): string {
  return `${String(number).padStart(10, '0')}.log`
}

/** The numbers of the segments in a folder, in order. */
export function segmentsIn(files: Files, folder: string): number[] {
  return files
    .list(folder)
    .filter((name) => /^\d{10}\.log$/.test(name))
    .map((name) => Number(name.slice(0, 10)))
    .sort((a, b) => a - b)
}

export interface SegmentContent {
  readonly buffer: Buffer
  /** Where its sound part ends; less than the buffer's length if the tail is damaged. */
  readonly soundEnd: number
}

/** Calls visit for every sound frame of a segment; returns the content, and where it stops being sound. */
export function readSegment(
  files: Files,
  folder: string,
  number: number,
  visit: (buffer: Buffer, frame: NonNullable<ReturnType<typeof readFrame>>) => boolean,
): SegmentContent {
  const fd = files.open(join(folder, segmentName(number)))
  const buffer = Buffer.allocUnsafeSlow(files.size(fd))
  const length = files.read(fd, buffer, buffer.length, 0)
  files.close(fd)
  const sound = length >= SEGMENT_HEAD.length && buffer.subarray(0, SEGMENT_HEAD.length).equals(SEGMENT_HEAD)
  if (!sound) return { buffer, soundEnd: 0 }
  let at = SEGMENT_HEAD.length
  for (let frame = readFrame(buffer, at); frame !== null; frame = readFrame(buffer, at)) {
    if (!visit(buffer, frame)) break
    at = frame.end
  }
  return { buffer, soundEnd: at }
}
