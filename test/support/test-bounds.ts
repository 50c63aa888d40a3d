import { type Bounds, defaultBounds } from '../../src/broker/index.ts'

/** In the environment of a broker of tests: bounds of the core that are not as they are by default, as JSON. */
export const TEST_BOUNDS = 'NIGHTJAR_TEST_BOUNDS'

/** From now on the brokers of this process have these bounds. */
export function takeBounds(json: string): void {
  Object.assign(defaultBounds, JSON.parse(json) as Partial<Bounds>)
}
