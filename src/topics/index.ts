export { defaultIndexBounds, type IndexBounds } from './bounds.ts'
export { type HashSeed, NO_SEED } from './hash.ts'
export { MatchCache, type MatchCacheOptions } from './match-cache.ts'
export type { RetainedCursor } from './retained-cursor.ts'
export { RetainedIndex } from './retained-index.ts'
export type { Matches, SharedGroup } from './subscribers.ts'
export { SubscriptionIndex } from './subscription-index.ts'
export {
  levelCount,
  parseTopicFilter,
  type TopicFilter,
  type TopicFilterOptions,
  topicMatches,
  topicNameError,
} from './topic-filter.ts'
