import type { Files } from './files.ts'

const DIGITS = 10

/** The name of the file with that number; `ending` without its dot. In a list of names they are in order. */
export function numberedName(number: number, ending: string): string {
  return `${String(number).padStart(DIGITS, '0')}.${ending}`
}

/** The numbers of the files in a folder that are named so, in order. */
export function numberedIn(files: Files, folder: string, ending: string): number[] {
  return files
    .list(folder)
    .filter((name) => name === numberedName(Number.parseInt(name, 10), ending))
    .map((name) => Number.parseInt(name, 10))
    .sort((a, b) => a - b)
}
