import fc from 'fast-check'
import { sourceSeed } from './source-seed.ts'

// It would take its seed from the clock.
fc.configureGlobal({ seed: sourceSeed })

export { fc }
