import { type PublishView, ReasonCode } from '../../protocol/index.ts'
import { fail } from '../connection/index.ts'
import type { Connection } from '../connection.ts'
import type { Core } from '../core.ts'
import type { Route } from '../route/index.ts'

/** The route of the topic that a Topic Alias stands for; null if it stands for none. */
export function aliasedRoute(core: Core, connection: Connection, view: PublishView): Route | null {
  const { bytes, topicStart, topicEnd, topicAlias } = view
  const aliases = connection.inboundAliases
  if (aliases === null || topicAlias > aliases.maximum) {
    const maximum = aliases?.maximum ?? 0
    fail(
      connection,
      ReasonCode.TopicAliasInvalid,
      `Topic Alias ${topicAlias} is more than the ${maximum} allowed (option max_topic_alias)`,
    )
    return null
  }
  let route: Route
  if (topicEnd > topicStart) route = core.router.route(bytes, topicStart, topicEnd)
  else {
    const last = aliases.get(topicAlias)
    if (last === undefined) {
      fail(connection, ReasonCode.ProtocolError, `Topic Alias ${topicAlias} was never given a topic`)
      return null
    }
    const { topicBytes } = last
    route = core.router.current(last) ? last : core.router.route(topicBytes, 0, topicBytes.length)
    view.topicBytes = topicBytes
    view.topicStart = 0
    view.topicEnd = topicBytes.length
  }
  aliases.set(topicAlias, route)
  return route
}
