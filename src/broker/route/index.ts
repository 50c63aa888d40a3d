/**
 * From a Topic Name to those who get its messages, computed once and kept until a subscription changes it.
 */

export type { Route } from './route.ts'
export { RouteReview } from './route-review.ts'
export { Router } from './router.ts'
