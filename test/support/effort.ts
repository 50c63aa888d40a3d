const { TEST_LONG } = process.env

/**
 * How often a test tries something: `usual` in `npm test`, `long` in `npm run test:long`. Both are fixed, so that a
 * machine, however fast, gives the same verdict.
 */
export function effort(usual: number, long: number): number {
  return TEST_LONG === '1' ? long : usual
}
