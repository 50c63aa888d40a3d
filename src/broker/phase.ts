/** Where a Network Connection stands. */
export const Phase = {
  /** The first packet must be CONNECT [MQTT-3.1.0-1]. */
  AwaitingConnect: 0,
  Open: 1,
  /** Nothing more is read; what was written goes out, then the connection is closed. */
  Closing: 2,
  Closed: 3,
} as const
export type Phase = (typeof Phase)[keyof typeof Phase]
