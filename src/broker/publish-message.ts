import type { Core } from './core.ts'
import { distribute } from './deliver.ts'
import type { Message } from './message.ts'
import { retain } from './retain.ts'

/** Publishes a message that is kept already: a Will, a status of the broker, or one from the program around it. */
export function publishMessage(core: Core, message: Message): boolean {
  const publication = core.takePublication()
  publication.ofMessage(message, core.router.routeOf(message.topic))
  if (message.retain) retain(core, publication)
  const reached = distribute(core, publication)
  core.givePublication(publication)
  return reached
}
