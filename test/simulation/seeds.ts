/** Seeds that failed once: they are played in every `npm test`. What each of them found stands beside it. */
export const failedOnce: readonly number[] = [
  // A Will was dropped if its client came back before the first tick after a restart.
  418,
]
