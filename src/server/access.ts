import type { AnonymousAccess } from '../access/index.ts'
import type { Access, ConnectDecision, ConnectRequest } from '../broker/index.ts'

/** Each listener has its own rule for who may come in. */
export class ListenerAccess implements Access {
  readonly #byListener: Map<string, AnonymousAccess> = new Map()

  set(listener: string, access: AnonymousAccess): void {
    this.#byListener.set(listener, access)
  }

  connect(request: ConnectRequest): ConnectDecision {
    return this.#byListener.get(request.listener)!.connect(request)
  }
}
