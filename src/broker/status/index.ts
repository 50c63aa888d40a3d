/** What can be read of the broker: its counts, and the topics below $SYS. */

export { eventsAsMarkdown, sysTopicsAsMarkdown } from './markdown.ts'
export { Metrics } from './metrics.ts'
export { SysStatus } from './sys.ts'
export { loadTopics, sysTopics } from './sys-topics.ts'
