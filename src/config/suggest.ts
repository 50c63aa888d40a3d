/** The name that was probably meant: the first with the fewest typos; null if none is close. */
export function suggest(written: string, names: Iterable<string>): string | null {
  let best: string | null = null
  let fewest = Math.max(1, Math.floor(written.length / 4)) + 1
  for (const name of names) {
    const slips = countSlips(written.toLowerCase(), name, fewest)
    if (slips >= fewest) continue
    best = name
    fewest = slips
  }
  return best
}

/** Edit distance with swaps of neighbours; stops counting at `enough`. */
function countSlips(a: string, b: string, enough: number): number {
  if (Math.abs(a.length - b.length) >= enough) return enough
  let before: number[] = []
  let above = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1]
      let slips = Math.min(above[j - 1]! + (same ? 0 : 1), above[j]! + 1, row[j - 1]! + 1)
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      if (swapped) slips = Math.min(slips, before[j - 2]! + 1)
      row.push(slips)
    }
    before = above
    above = row
  }
  return above[b.length]!
}
