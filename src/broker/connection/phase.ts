/** Where a Network Connection stands. */
export const Phase = {
  /** The first packet must be CONNECT [MQTT-3.1.0-1]. */
  AwaitingConnect: 0,
  /** CONNECT named an Authentication Method: AUTH goes to and fro until CONNACK [MQTT-3.1.2-30]. */
  Authenticating: 1,
  Open: 2,
  /** It is to end, but not in the middle of what ends it: nothing more is read or written until then. See `doom`. */
  Doomed: 3,
  /** Nothing more is read; what was written goes out, then the connection is closed. */
  Closing: 4,
  Closed: 5,
} as const
export type Phase = (typeof Phase)[keyof typeof Phase]
