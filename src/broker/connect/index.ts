/**
 * CONNECT: who is it, may it (version, rate, number, password or an exchange of AUTH packets), which Session does it get, who
 * loses it.
 */

export { AtDoor } from './at-door.ts'
export { type Authentication, onAuth } from './authenticate.ts'
export { onConnect } from './connect.ts'
export { ConnectionRate } from './connection-rate.ts'
export { TakeoverWatch } from './takeover-watch.ts'
export { TurnedAway } from './turned-away.ts'
