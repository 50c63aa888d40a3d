import { Buffer } from 'node:buffer'
import { join } from 'node:path'
import type { StoreRecord } from '../../broker/contracts.ts'
import type { StoreBounds } from './bounds.ts'
import { ByteWriter } from './byte-writer.ts'
import { type Files, readFully, writeAll } from './files.ts'
import { FRAME_BYTES, isSound, SEGMENT_HEAD, sealFrame } from './frames.ts'
import { writeRecord } from './records.ts'
import { segmentName } from './segments.ts'

/** When to sync: after every turn, every second, or never (the system decides). */
export type SyncMode = 'always' | 'everysec' | 'no'

export interface LogOptions {
  readonly folder: string
  readonly files: Files
  readonly sync: SyncMode
  readonly bounds: StoreBounds
  /** `durable` went up outside of `commit`. */
  readonly onDurable: () => void
  /** A segment is complete and synced: it can be moved. Its last record has that position. */
  readonly onSealed: (segment: number, position: number) => void
  /** A frame with nothing pressing in it has waited long enough: commit it now. */
  readonly onWaited: () => void
  /** Everything written from now on is in that segment. */
  readonly onSegment: (segment: number) => void
  /** Writing or syncing failed: what, where and why; null: it works again. Called on changes. */
  readonly onTrouble: (trouble: string | null) => void
  /** Why the next segment cannot be created; null: it can again. Called on changes. */
  readonly onStuck: (stuck: string | null) => void
}

interface Segment {
  readonly number: number
  readonly fd: number
  length: number
  /** Bytes of it that are synced. */
  synced: number
  /** The last record in it. */
  position: number
  /** Its folder entry is synced, too. */
  named: boolean
}

/** The redo log: appends the records of a turn to a file, in one write, before anything is sent. */
export class Log {
  /** All records up to this one are as safe as the mode promises. */
  durable: number
  /** The last record that was appended. */
  position: number
  readonly #options: LogOptions
  readonly #frame: ByteWriter = new ByteWriter()
  #records = 0
  /** Something in the frame is relied on. */
  #pressing = false
  /** Runs as long as a frame waits for more. */
  #late: NodeJS.Timeout | null = null
  #segment: Segment
  /** Full segments whose last bytes are not synced yet. */
  #finishing: Segment[] = []
  #writeTrouble: string | null = null
  #syncTrouble: string | null = null
  /** The segment is full, but the next one cannot be created: it keeps growing. */
  #stuck: string | null = null
  /** Time to try that again. */
  #tryNext = false
  #syncing = false
  readonly #timer: NodeJS.Timeout

  /** Goes on after `position`, in a new segment with that number. */
  constructor(options: LogOptions, position: number, segment: number) {
    this.#options = options
    this.position = position
    this.durable = position
    this.#segment = this.#open(segment)
    this.#startFrame()
    this.#timer = setInterval(() => this.#look(), options.bounds.syncEvery)
    this.#timer.unref()
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

  /** What is failing at the moment, and why; null if nothing is. */
  get trouble(): string | null {
    return this.#writeTrouble ?? this.#syncTrouble ?? this.#stuck
  }

  /** Nothing may be added that can be refused. */
  get full(): boolean {
    const { waitingBytes, turnBytes, longestSegment } = this.#options.bounds
    const failing = this.#writeTrouble !== null || this.#syncTrouble !== null
    if (this.waitingBytes > (failing ? waitingBytes : turnBytes)) return true
    return this.#stuck !== null && this.#segment.length >= longestSegment
  }

  /** The bytes of a record that is not written yet; null if it is in the file. */
  unwritten(segment: number, offset: number, length: number): Buffer | null {
    const at = offset - this.#segment.length
    if (segment !== this.#segment.number || at < 0) return null
    return this.#frame.buffer.subarray(at, at + length)
  }

  /** The position of the next record, which must be written before the next commit. */
  take(pressing: boolean): number {
    this.#records++
    this.position++
    if (pressing) this.#pressing = true
    return this.position
  }

  /** Writes a record into the frame, in the order of their positions or, where that makes no difference, in another. */
  write(record: StoreRecord, session: number): void {
    writeRecord(this.#frame, record, session)
  }

  /**
   * The end of a turn. A frame with nothing pressing in it waits for more: with one message at a time, each acknowledged in
   * a turn of its own, that is half of all writes, and in the mode `always` half of all syncs.
   */
  commit(): void {
    if (this.#records === 0) return
    if (this.#pressing || this.#frame.length >= this.#options.bounds.lateBytes) this.commitNow()
    else this.#late ??= setTimeout(this.#waited, this.#options.bounds.lateAfter).unref()
  }

  readonly #waited = (): void => {
    this.#late = null
    this.#options.onWaited()
  }

  /** Writes the frame. If that fails the frame stays, grows, and is tried again at the next commit. */
  commitNow(): void {
    if (this.#records === 0) return
    const { buffer, length } = this.#frame
    sealFrame(buffer, length, this.position - this.#records + 1, this.#records)
    if (!this.#write(buffer, length)) return
    this.#segment.length += length
    this.#segment.position = this.position
    this.#startFrame()
    if (this.#options.sync === 'always') this.#sync()
    else if (this.#syncTrouble === null) this.durable = this.position
    if (this.#isFull && (this.#stuck === null || this.#tryNext)) this.#rotate()
  }

  /** Ends the segment before it is full, unless it is empty. */
  seal(): void {
    if (this.#records === 0 && this.#segment.length > SEGMENT_HEAD.length) this.#rotate()
  }

  /** Writes and syncs what is left, and closes the files. Reports what fails. */
  async close(): Promise<void> {
    clearInterval(this.#timer)
    if (this.#late !== null) clearTimeout(this.#late)
    this.commitNow()
    while (this.#syncing) await new Promise((resolve) => setImmediate(resolve))
    const { files } = this.#options
    for (const { number, fd } of [...this.#finishing, this.#segment]) {
      const error = await new Promise<Error | null>((resolve) => files.sync(fd, resolve))
      if (error !== null) this.#troubled(this.#writeTrouble, `syncing ${segmentName(number)}: ${error.message}`)
      this.#close(fd)
    }
    this.#finishing = []
  }

  /** An error from close says nothing about what was synced before. */
  #close(fd: number): void {
    try {
      this.#options.files.close(fd)
    } catch {
      // What was written and not synced is in the hands of the system, as always.
    }
  }

  get #isFull(): boolean {
    return this.#segment.length >= this.#options.bounds.segmentBytes
  }

  /** What failed is tried again, and what has not been synced is. */
  #look(): void {
    this.#tryNext = true
    if (this.#stuck !== null && this.#records === 0) this.#rotate()
    this.#sync()
  }

  #startFrame(): void {
    this.#frame.clear()
    this.#frame.reserve(FRAME_BYTES)
    this.#frame.length = FRAME_BYTES
    this.#records = 0
    this.#pressing = false
  }

  #write(buffer: Buffer, length: number): boolean {
    const { fd, number, length: at } = this.#segment
    try {
      if (at + length > this.#options.bounds.longestFile)
        throw new Error('it has grown too long, and no other can follow it')
      writeAll(this.#options.files, fd, buffer, length, at)
    } catch (error) {
      this.#troubled(`writing ${segmentName(number)}: ${(error as Error).message}`, this.#syncTrouble)
      return false
    }
    this.#troubled(null, this.#syncTrouble)
    return true
  }

  #troubled(writing: string | null, syncing: string | null): void {
    const before = this.#writeTrouble ?? this.#syncTrouble
    this.#writeTrouble = writing
    this.#syncTrouble = syncing
    const now = writing ?? syncing
    if ((now === null) !== (before === null)) this.#options.onTrouble(now)
  }

  #rotate(): void {
    const full = this.#segment
    const before = this.#stuck
    this.#tryNext = false
    try {
      this.#segment = this.#open(full.number + 1)
      this.#stuck = null
    } catch (error) {
      // The full one grows on until there can be another file.
      this.#stuck = `beginning ${segmentName(full.number + 1)}: ${(error as Error).message}`
    }
    if ((this.#stuck === null) !== (before === null)) this.#options.onStuck(this.#stuck)
    if (this.#stuck !== null) return
    // The mover may only take what is safe, whatever the mode.
    this.#finishing.push(full)
    this.#options.onSegment(this.#segment.number)
    this.#sync()
  }

  #open(number: number): Segment {
    const { files, folder } = this.#options
    const fd = files.open(join(folder, segmentName(number)))
    try {
      files.truncate(fd, 0)
      writeAll(files, fd, SEGMENT_HEAD, SEGMENT_HEAD.length, 0)
    } catch (error) {
      this.#close(fd)
      throw error
    }
    return { number, fd, length: SEGMENT_HEAD.length, synced: 0, position: this.position, named: false }
  }

  /** Syncs off the event loop, one at a time: the next one covers what is written meanwhile. */
  #sync(): void {
    if (this.#syncing) return
    const segment = this.#finishing[0] ?? this.#segment
    const { length, position } = segment
    if (segment === this.#segment && (segment.synced === length || this.#options.sync === 'no')) return
    this.#syncing = true
    const { files, folder } = this.#options
    const done = (error: Error | null): void => {
      this.#syncing = false
      if (error !== null) {
        this.#troubled(this.#writeTrouble, `syncing ${segmentName(segment.number)}: ${error.message}`)
        return
      }
      segment.synced = length
      this.#synced(segment, position)
    }
    if (this.#syncTrouble !== null && !this.#writeAgain(segment)) {
      this.#syncing = false
      return
    }
    if (segment.named) files.sync(segment.fd, done)
    else {
      files.syncFolder(folder, (error) => {
        if (error !== null) return done(error)
        segment.named = true
        files.sync(segment.fd, done)
      })
    }
  }

  /**
   * After a failed sync the kernel may mark the pages clean, so that the next sync succeeds though they never reached the
   * disk. So they are written once more. What is read for that may be stale, so its checksums are verified first.
   */
  #writeAgain({ fd, number, position, synced, length }: Segment): boolean {
    const { files } = this.#options
    const name = segmentName(number)
    try {
      const bytes = Buffer.allocUnsafeSlow(length - synced)
      const sound =
        readFully(files, fd, bytes, bytes.length, synced) === bytes.length &&
        (synced > 0 || bytes.subarray(0, SEGMENT_HEAD.length).equals(SEGMENT_HEAD)) &&
        isSound(bytes, synced === 0 ? SEGMENT_HEAD.length : 0, position)
      if (!sound) throw new Error(`what was written after byte ${synced} is not there any more`)
      writeAll(files, fd, bytes, bytes.length, synced)
      return true
    } catch (error) {
      this.#troubled(this.#writeTrouble, `syncing ${name} again: ${(error as Error).message}`)
      return false
    }
  }

  #synced(segment: Segment, position: number): void {
    // A sync that began before the segment was full has not covered its end.
    if (this.#finishing[0] === segment && segment.synced === segment.length) {
      this.#finishing.shift()
      this.#close(segment.fd)
      this.#options.onSealed(segment.number, segment.position)
    }
    const all = this.#finishing.length === 0
    const covered = this.#options.sync === 'always' || !all ? position : this.position - this.#records
    if (all) this.#troubled(this.#writeTrouble, null)
    if (!all || (this.#options.sync === 'always' && this.#segment.synced < this.#segment.length)) this.#sync()
    if (covered <= this.durable) return
    this.durable = covered
    this.#options.onDurable()
  }
}
