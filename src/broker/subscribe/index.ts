/** SUBSCRIBE and UNSUBSCRIBE, filter by filter, over as many turns as they take. */

export { onSubscribe, onUnsubscribe } from './subscribe.ts'
