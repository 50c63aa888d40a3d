import { defaultSlabBounds, type SlabBounds } from '../../protocol/index.ts'
import { defaultOutboundBounds, type OutboundBounds } from '../../session/index.ts'
import { defaultIndexBounds, type IndexBounds } from '../../topics/index.ts'

/**
 * Every bound of the core that no user needs to set: sizes of caches, buffers, chunks and tables, batches and budgets.
 * They are here, and not constants where they are used, so that tests and the simulator can make them tiny: a cache that
 * never evicts in a test hides what eviction breaks. A new bound gets a line here with its unit, range and reason, and a
 * line in `test/simulation/bounds.ts`.
 *
 * All are integers, 1 or more, if nothing else is said. Bounds of the lower floors stand at the classes they belong to.
 */
export interface Bounds extends IndexBounds, OutboundBounds, SlabBounds {
  /** Topics whose route is cached. 131,072: a home has hundreds, a large fleet some ten thousands. Rounded down to a power of two. */
  routesCached: number
  /** Bytes of their names. 8 MiB: 64 a topic. */
  routeTopicBytesCached: number
  /** Bytes of memory that they take, roughly. 64 MiB: 131,072 topics with a few subscribers, or some hundreds with ten thousand. */
  routeBytesCached: number
  /** Routes that share a bucket of the cache: so many are compared at the most. 8. A power of two. */
  routesPerBucket: number
  /** Slots of the empty cache: it doubles from there. 64. A power of two. */
  routeSlotsAtLeast: number
  /** Bytes for topic names of the empty cache. 4096. */
  routeTopicBytesAtLeast: number
  /** Cached routes that each tick reviews, if that is more than a sixty-fourth of them. 64. */
  routesReviewed: number
  /** After so many rounds of 64 ticks a route that nobody asked for is forgotten. 8: 51 s. 1 to 254. */
  idleRouteRounds: number
  /** Connections that each tick looks at for a route that is old, if that is more than a sixty-fourth of them. 64. */
  connectionsReviewed: number
  /** Queued messages fetched from the store at once. 64: a few packets' worth, read in one go. */
  messagesFetched: number
  /** Queues that could not be read and are tried again in one turn. 100: each is a call of the system or two. */
  queuesReread: number
  /** Bytes that a queued message costs beyond its payload. 600: measured, roughly. 0 or more. */
  queuedMessageBytes: number
  /** Bytes of a chunk that small messages share, as an array of its own costs more than the copy. 16,384. */
  messageChunkBytes: number
  /** Bytes of a message that may lie in a chunk. 1024. Larger ones, and those larger than a chunk, have their own array. */
  chunkedMessageBytes: number
  /** Identifiers of QoS 2 messages that are kept one by one; more become 8 KiB of bits. 1024. */
  inboundSingly: number
  /** Bytes set aside at once for a packet that has not all come. 512. */
  unfinishedPacketBytes: number
  /** Bytes that have come of a packet from which on it is large, and waits for a turn in which there is time for it. 65,536. 0 or more. */
  largePacketBytes: number
  /** Bytes of Topic Filters of one packet, up to which all are read at once; more are read when it is their turn. 4096: some hundreds. 0 or more. */
  filterBytesAtOnce: number
  /** Slots of the timer wheel. 4096: with 50 ms each it goes round in 205 s, and longer times are looked at once a round. */
  timerSlots: number
  /** Milliseconds of a slot: how late a timer may be. 50. */
  timerSlotMs: number
  /** Doomed connections that end in one turn; more wait for the next. 64: each may publish a Will. */
  endsPerTurn: number
  /** Milliseconds from tick to tick that mean that the process stood still. 1000: ten times what is usual. */
  lateTickMs: number
  /** Bytes of a CONNECT packet, and of AUTH before CONNACK. 512 KiB: its five texts may have 64 KiB each. 20 or more. */
  connectPacketBytes: number
  /** Bytes that unfinished packets of all connections before CONNACK may take. 16 MiB. 0 or more. */
  unprovedBytes: number
  /** Of these, bytes that one connection may take all the same. 4096: most CONNECT packets have less. 0 or more. */
  unprovedBytesEach: number
  /** Bytes of its place in a queue, that a waiting message costs for each Session that waits for it. 100. 0 or more. */
  queueEntryBytes: number
  /** Bytes that the queue of a clean Session may take however full the memory for queues is. 32 KiB. 0 or more. */
  queueBytesAtLeast: number
  /** Messages owed to a Session from which on further ones lie in no chunk: it is slow, and would hold whole chunks. 16. 0 or more. */
  chunkedMessagesOwed: number
  /** Milliseconds that a closing client may take to fetch its last bytes. 5000. */
  lingerMs: number
  /** Milliseconds that a client which publishes too fast is left unread. 10,000: it must not think that the broker is dead. */
  publishPauseMs: number
  /** Bytes that may be taken to remember to which topics a client may publish, for each client. 16,384. */
  permitBytes: number
  /** Milliseconds until the keep-alive of a client that is left unread is looked at again. 1000. */
  pausedAgainMs: number
  /** Milliseconds in which takeovers of one Session are counted. 60,000. */
  takeoverWindowMs: number
  /** Takeovers in that time that are told as two clients with one Client Identifier. 3. */
  takeoversTold: number
  /** Client Identifiers for which takeovers are counted: the last so many. 1000. */
  takeoverClients: number
  /** Characters of such a Client Identifier; longer ones are not watched. 256. */
  takeoverIdLength: number
  /** Milliseconds after which something that happened again and again is over. 10,000. */
  repeatQuietMs: number
  /** Such things that are counted at a time; more are not told: nobody reads so many. 10,000. */
  repeatsCounted: number
  /** Bytes of the texts that this takes, roughly; more are not told. 16 MiB: a text may come from a client, and be long. */
  repeatBytes: number
  /** Addresses whose connections are counted in one second; when there are more, counting begins anew. 65,536: some MB. */
  addressesCounted: number
  /** Milliseconds after which the time is noted at the latest: a wall clock that begins in 1970 at the next start hides no more. 3,600,000. */
  timeNotedMs: number
  /** The same while the wall clock is behind what it was: at the next start it will not tell how late it is. 60,000. */
  timeNotedBehindMs: number
  /** Characters of a Reason String; a longer one is cut. 250: it may name a topic. */
  reasonLength: number
  /** Members of a shared subscription that are asked whether they have room, before one without is taken. 64. */
  membersTried: number
  /** Units of work (see `Work`) that what is read in a turn may cost; then who sends more has to wait. 20,000: some 20 ms, or `readMs`. */
  unitsRead: number
  /** Units that a turn does of what was too much for earlier ones. 5000: some 10 ms. */
  unitsPerTurn: number
  /** Units that writing to sockets may cost in a turn; who is left is written to in the next. 5000: some 300 sockets. */
  unitsWritten: number
  /** Units that one of those who wait gets before the next one. 250: several have their turn within `jobsMs`. */
  unitsPerJob: number
  /** Units after which the clock is looked at. 250: a millisecond at the most. */
  unitsPerLook: number
  /** Milliseconds that reading and handling may take in a turn, however few units it was. 10: two turns are what one waits for. */
  readMs: number
  /** The same for what was too much for earlier turns. 5. */
  jobsMs: number
  /** The same for writing to sockets. 5. */
  writeMs: number
}

export const defaultBounds: Bounds = {
  ...defaultIndexBounds,
  ...defaultOutboundBounds,
  ...defaultSlabBounds,
  routesCached: 131_072,
  routeTopicBytesCached: 8 * 1024 * 1024,
  routeBytesCached: 64 * 1024 * 1024,
  routesPerBucket: 8,
  routeSlotsAtLeast: 64,
  routeTopicBytesAtLeast: 4096,
  routesReviewed: 64,
  idleRouteRounds: 8,
  connectionsReviewed: 64,
  messagesFetched: 64,
  queuesReread: 100,
  queuedMessageBytes: 600,
  messageChunkBytes: 16_384,
  chunkedMessageBytes: 1024,
  inboundSingly: 1024,
  unfinishedPacketBytes: 512,
  largePacketBytes: 65_536,
  filterBytesAtOnce: 4096,
  timerSlots: 4096,
  timerSlotMs: 50,
  endsPerTurn: 64,
  lateTickMs: 1000,
  connectPacketBytes: 512 * 1024,
  unprovedBytes: 16 * 1024 * 1024,
  unprovedBytesEach: 4096,
  queueEntryBytes: 100,
  queueBytesAtLeast: 32 * 1024,
  chunkedMessagesOwed: 16,
  lingerMs: 5000,
  publishPauseMs: 10_000,
  permitBytes: 16_384,
  pausedAgainMs: 1000,
  takeoverWindowMs: 60_000,
  takeoversTold: 3,
  takeoverClients: 1000,
  takeoverIdLength: 256,
  repeatQuietMs: 10_000,
  repeatsCounted: 10_000,
  repeatBytes: 16 * 1024 * 1024,
  addressesCounted: 65_536,
  timeNotedMs: 3_600_000,
  timeNotedBehindMs: 60_000,
  reasonLength: 250,
  membersTried: 64,
  unitsRead: 20_000,
  unitsPerTurn: 5000,
  unitsWritten: 5000,
  unitsPerJob: 250,
  unitsPerLook: 250,
  readMs: 10,
  jobsMs: 5,
  writeMs: 5,
}
