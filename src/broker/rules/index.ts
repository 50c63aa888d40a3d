/**
 * Who may publish, subscribe, read and leave a Will: asked once, remembered until the rules change, answered now or later.
 */

export { ALLOWED, ask, ruleOf } from './ask.ts'
export { type Permits, publishDecision } from './permits.ts'
export { settleReaders, whoOf } from './readers.ts'
