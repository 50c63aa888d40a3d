export {
  bytes,
  type Check,
  either,
  flag,
  list,
  method,
  number,
  object,
  oneOf,
  pairs,
  shortTextOrBytes,
  signal,
  text,
  textOrBytes,
  textProblem,
  whole,
} from './checks.ts'
export { type Foreign, options } from './options.ts'
export { show } from './show.ts'
