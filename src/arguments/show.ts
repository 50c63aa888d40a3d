const LONGEST = 40

/** A value as an error has it: what it is where it is not what it should be. */
export function show(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return value.length > LONGEST ? `'${value.slice(0, LONGEST)}...'` : `'${value}'`
    case 'function':
      return 'a function'
    case 'symbol':
      return 'a symbol'
    case 'bigint':
      return `the bigint ${value}`
    case 'object':
      if (value === null) return 'null'
      return Array.isArray(value) ? 'an array' : `an object (${Object.prototype.toString.call(value).slice(8, -1)})`
    default:
      return String(value)
  }
}
