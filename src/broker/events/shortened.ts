/** A text of a client's choice, as far as people read it. */
export function shortened(reason: string, most: number): string {
  if (reason.length <= most) return reason
  // Not in the middle of a surrogate pair.
  const end = reason.codePointAt(most - 1)! > 0xffff ? most - 1 : most
  return `${reason.slice(0, end)}...`
}
