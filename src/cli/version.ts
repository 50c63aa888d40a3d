/** A module of its own, so that `--version` loads nothing else. */
export { version } from '../config/index.ts'
