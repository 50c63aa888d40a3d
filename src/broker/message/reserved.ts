const RESERVED = ['$SYS/', '$CONTROL/', '$share/']

/** Where other brokers' bridges, such as mosquitto's, report whether they are connected: by a retained message and a Will. */
const BRIDGE_STATE = /^\$SYS\/broker\/connection\/[^/]+\/state$/

export const RESERVED_REASON = 'topics below $SYS, $CONTROL and $share belong to the broker'

/** Whether clients may not publish to a topic, with a Will neither: it has another use than messages between clients. */
export function isReserved(topic: string): boolean {
  return topic.startsWith('$') && RESERVED.some((start) => topic.startsWith(start)) && !BRIDGE_STATE.test(topic)
}
