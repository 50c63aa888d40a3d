/** Who published a message: a client, another broker (over a bridge, or as a node of the same system), or this one. */
export type OriginKind = 'client' | 'bridge' | 'node' | 'broker'

/** One object stands for all messages of a client. */
export interface Origin {
  readonly kind: OriginKind
  /** The Client Identifier, for No Local; null if it was this broker. */
  readonly client: string | null
}

/** This broker, or the program around it. */
export const BROKER: Origin = { kind: 'broker', client: null }

/** The origin of a message of which only the publisher's Client Identifier is known; null: it was the broker. */
export function originOf(publisher: string | null): Origin {
  return publisher === null ? BROKER : { kind: 'client', client: publisher }
}
