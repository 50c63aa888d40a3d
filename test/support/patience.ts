/**
 * Milliseconds that a test waits for what must come. Only a test that fails waits so long; one that passes on a machine
 * where ten others want the processor must not fail there.
 */
export const PATIENCE_MS = 60_000
