/**
 * Time as the broker counts it, over restarts and whatever people do to the clock; one wheel for every deadline; and the
 * budget of a turn: what is too much for one goes on in the next.
 */

export { BrokerTime } from './broker-time.ts'
export { Timer, TimerWheel } from './timers.ts'
export { type Job, PerUnit, Units, Work } from './work.ts'
