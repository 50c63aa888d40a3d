// Nothing here that Node 12 cannot read: it says that such a one is too old, before anything is loaded that it cannot.

/** As package.json has it in `engines`. */
const LEAST = [20, 19]

/** Whether this Node is too old, which is then said. */
export function nodeIsTooOld() {
  const parts = process.version.slice(1).split('.').map(Number)
  if (parts[0] > LEAST[0] || (parts[0] === LEAST[0] && parts[1] >= LEAST[1])) return false
  console.error(
    'nightjar: it needs Node ' +
      LEAST.join('.') +
      ' or later, and this is ' +
      process.version +
      ': https://nodejs.org has a newer one',
  )
  return true
}
