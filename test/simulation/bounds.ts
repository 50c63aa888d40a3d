import { type Bounds, defaultBounds } from '../../src/broker/index.ts'
import { randomOf } from './random.ts'

/**
 * Every bound of the core, mostly tiny: what is full at 1 or 8 shows within seconds what is wrong with what happens then.
 * Now and then one is as it is by default, so that tiny ones do not hide each other's faults.
 */
export function drawBounds(seed: number): Bounds {
  const random = randomOf(seed, 'bounds')
  const any = <T>(usual: T, tiny: () => T): T => (random.chance(75) ? tiny() : usual)
  const between = (from: number, to: number): number => random.between(from, to)
  const power = (most: number): number => 1 << between(0, most)
  const usual = defaultBounds
  return {
    bucketsAtLeast: any(usual.bucketsAtLeast, () => power(3)),
    namesInChain: any(usual.namesInChain, () => between(1, 8)),
    childrenSearched: any(usual.childrenSearched, () => between(1, 8)),
    namesRemembered: any(usual.namesRemembered, () => power(3)),
    nameLengthRemembered: any(usual.nameLengthRemembered, () => between(0, 8)),
    subscribersSearched: any(usual.subscribersSearched, () => between(1, 8)),
    filterChangeBits: any(usual.filterChangeBits, () => between(0, 3)),
    ringPlacesAtLeast: any(usual.ringPlacesAtLeast, () => power(3)),
    ringPlacesKept: any(usual.ringPlacesKept, () => between(1, 8)),
    windowsAhead: any(usual.windowsAhead, () => between(1, 8)),
    placesAheadAtLeast: any(usual.placesAheadAtLeast, () => between(1, 8)),
    smallSlabBytes: any(usual.smallSlabBytes, () => between(1, 8)),
    largeSlabBytes: any(usual.largeSlabBytes, () => between(8, 64)),
    slabBytesKept: any(usual.slabBytesKept, () => between(1, 64)),
    routesCached: any(usual.routesCached, () => between(1, 8)),
    routeTopicBytesCached: any(usual.routeTopicBytesCached, () => between(1, 16)),
    routeBytesCached: any(usual.routeBytesCached, () => between(1, 1000)),
    routesPerBucket: any(usual.routesPerBucket, () => power(2)),
    routeSlotsAtLeast: any(usual.routeSlotsAtLeast, () => power(3)),
    routeTopicBytesAtLeast: any(usual.routeTopicBytesAtLeast, () => between(1, 8)),
    routesReviewed: any(usual.routesReviewed, () => between(1, 8)),
    idleRouteRounds: any(usual.idleRouteRounds, () => between(1, 8)),
    connectionsReviewed: any(usual.connectionsReviewed, () => between(1, 8)),
    messagesFetched: any(usual.messagesFetched, () => between(1, 8)),
    queuesReread: any(usual.queuesReread, () => between(1, 8)),
    queuedMessageBytes: any(usual.queuedMessageBytes, () => between(0, 8)),
    messageChunkBytes: any(usual.messageChunkBytes, () => between(1, 64)),
    chunkedMessageBytes: any(usual.chunkedMessageBytes, () => between(1, 64)),
    inboundSingly: any(usual.inboundSingly, () => between(1, 8)),
    unfinishedPacketBytes: any(usual.unfinishedPacketBytes, () => between(1, 8)),
    largePacketBytes: any(usual.largePacketBytes, () => between(0, 8)),
    filterBytesAtOnce: any(usual.filterBytesAtOnce, () => between(0, 8)),
    timerSlots: any(usual.timerSlots, () => between(1, 8)),
    timerSlotMs: any(usual.timerSlotMs, () => between(1, 50)),
    endsPerTurn: any(usual.endsPerTurn, () => between(1, 8)),
    // A CONNECT of the simulator has up to 200 bytes, and its parts must come in.
    connectPacketBytes: any(usual.connectPacketBytes, () => between(300, 400)),
    unprovedBytes: any(usual.unprovedBytes, () => between(0, 8)),
    unprovedBytesEach: any(usual.unprovedBytesEach, () => between(400, 500)),
    queueEntryBytes: any(usual.queueEntryBytes, () => between(0, 8)),
    queueBytesAtLeast: any(usual.queueBytesAtLeast, () => between(0, 50)),
    chunkedMessagesOwed: any(usual.chunkedMessagesOwed, () => between(0, 8)),
    referredBytes: any(usual.referredBytes, () => between(1, 64)),
    timeNotedMs: any(usual.timeNotedMs, () => between(1, 2000)),
    timeNotedBehindMs: any(usual.timeNotedBehindMs, () => between(1, 2000)),
    lateTickMs: any(usual.lateTickMs, () => between(1, 200)),
    lingerMs: any(usual.lingerMs, () => between(1000, 5000)),
    publishPauseMs: any(usual.publishPauseMs, () => between(1, 100)),
    permitBytes: any(usual.permitBytes, () => between(1, 500)),
    pausedAgainMs: any(usual.pausedAgainMs, () => between(1, 100)),
    takeoverWindowMs: any(usual.takeoverWindowMs, () => between(1, 8)),
    takeoversTold: any(usual.takeoversTold, () => between(1, 8)),
    takeoverClients: any(usual.takeoverClients, () => between(1, 8)),
    takeoverIdLength: any(usual.takeoverIdLength, () => between(1, 8)),
    repeatQuietMs: any(usual.repeatQuietMs, () => between(1, 100)),
    repeatsCounted: any(usual.repeatsCounted, () => between(1, 8)),
    repeatBytes: any(usual.repeatBytes, () => between(1, 1000)),
    addressesCounted: any(usual.addressesCounted, () => between(1, 8)),
    reasonLength: any(usual.reasonLength, () => between(1, 8)),
    membersTried: any(usual.membersTried, () => between(1, 8)),
    unitsRead: any(usual.unitsRead, () => between(1, 8)),
    unitsPerTurn: any(usual.unitsPerTurn, () => between(1, 8)),
    unitsWritten: any(usual.unitsWritten, () => between(1, 40)),
    unitsPerJob: any(usual.unitsPerJob, () => between(1, 8)),
    unitsPerLook: any(usual.unitsPerLook, () => between(1, 8)),
    readMs: any(usual.readMs, () => between(1, 8)),
    jobsMs: any(usual.jobsMs, () => between(1, 8)),
    writeMs: any(usual.writeMs, () => between(1, 8)),
  }
}

/** What differs from the default, in words. */
export function boundsInWords(bounds: Bounds): string {
  const drawn = (Object.keys(defaultBounds) as (keyof Bounds)[]).filter((name) => bounds[name] !== defaultBounds[name])
  return `Bounds: ${drawn.map((name) => `${name} ${bounds[name]}`).join(', ')}`
}
