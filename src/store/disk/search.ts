/** In a list that is in the order of its numbers: the index of the first whose number is not below that one. */
export function firstFrom<T>(list: readonly T[], number: number, numberOf: (each: T) => number): number {
  let low = 0
  let high = list.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (numberOf(list[middle]!) < number) low = middle + 1
    else high = middle
  }
  return low
}
