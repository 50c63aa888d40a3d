import { Buffer } from 'node:buffer'
import { type Files, openIfThere, readFully, systemFiles } from './files.ts'

/**
 * An LMDB file begins with two pages that say where its trees are. Each has this number after its page's head, which has
 * another length where pointers have 32 bits.
 */
const MAGIC = 0xbeefc0de
const MAGIC_WITHIN = 64
const PAGE_SIZES = [4096, 8192, 16384, 32768, 65536]
/** Bytes from the beginning of a page, with 64-bit pointers (MDB_meta in LMDB's mdb.c). */
const MAGIC_AT = 24
const PAGE_SIZE_AT = 48
const ROOTS_AT = [88, 136]
const TRANSACTION_AT = 152
const HEAD_BYTES = 160
const NO_PAGE = 0xffff_ffff_ffff_ffffn

/**
 * What a tree's file lacks to be one, in words; null: nothing that its beginning shows, or there is no file. LMDB ends the
 * process over some of these. A power cut can leave them only of a tree of which nothing was promised yet. Throws if it
 * cannot be looked at, which says nothing about the file.
 */
export function treeTrouble(path: string, files: Files = systemFiles): string | null {
  const fd = openIfThere(files, path)
  if (fd === null) return null
  try {
    const size = files.size(fd)
    if (size === 0) return 'it is empty'
    const first = headAt(files, fd, 0)
    const second = PAGE_SIZES.map((offset) => headAt(files, fd, offset)).find(hasMagic)
    if (!hasMagic(first) || second === undefined) return 'it does not begin as such a file does'
    return first.readUInt32LE(MAGIC_AT) === MAGIC && lacksRoot(first, second, size)
      ? `its end is missing, it has only ${size} bytes`
      : null
  } finally {
    files.close(fd)
  }
}

function headAt(files: Files, fd: number, offset: number): Buffer {
  const head = Buffer.alloc(HEAD_BYTES)
  readFully(files, fd, head, HEAD_BYTES, offset)
  return head
}

function hasMagic(head: Buffer): boolean {
  for (let i = 0; i < MAGIC_WITHIN; i += 4) if (head.readUInt32LE(i) === MAGIC) return true
  return false
}

/** Whether the file ends before the pages with which its trees begin, as the newer head has them. */
function lacksRoot(first: Buffer, second: Buffer, size: number): boolean {
  const isFirst = first.readBigUInt64LE(TRANSACTION_AT) > second.readBigUInt64LE(TRANSACTION_AT)
  const newer = isFirst ? first : second
  const pageSize = BigInt(newer.readUInt32LE(PAGE_SIZE_AT))
  const roots = ROOTS_AT.map((at) => newer.readBigUInt64LE(at))
  return roots.some((root) => root !== NO_PAGE && (root + 1n) * pageSize > BigInt(size))
}
