import type { Client, Params, SubscribeOptions, Subscription } from '../../../../src/client/index.ts'
import type { Properties, SubscribePacket } from '../../../../src/protocol/index.ts'
import type { Peer } from './scripted-broker.ts'

export interface Subscribed<T, F extends string> {
  subscription: Subscription<T, Params<F>>
  properties: Properties
  packets: SubscribePacket[]
}

/** Subscribes, and has it granted; `identifiers` are what the broker puts on messages for it. */
export async function subscribe<F extends string, T = Uint8Array>(
  client: Client,
  peer: Peer,
  filter: F | readonly F[],
  options?: SubscribeOptions<T>,
): Promise<Subscribed<T, F>> {
  const subscribing = client.subscribe<F, T>(filter, options)
  const packets = []
  for (let i = 0; i < (typeof filter === 'string' ? 1 : filter.length); i++) packets.push(await peer.grant())
  const identifiers = packets.flatMap(({ properties }) => properties.subscriptionIdentifiers ?? [])
  const properties: Properties = identifiers.length === 0 ? {} : { subscriptionIdentifiers: identifiers }
  return { subscription: await subscribing, properties, packets }
}
