import type { AnonymousAccess, AuthenticationMethods } from '../access/index.ts'
import type { Access, AuthenticationExchange, ConnectDecision, ConnectRequest } from '../broker/index.ts'

/** Each listener has its own rule for who may come in without proof; the methods to prove oneself by hold for all. */
export class ListenerAccess implements Access {
  readonly rules = null
  onChange: (() => void) | null = null
  readonly #byListener: Map<string, AnonymousAccess> = new Map()
  readonly #methods: AuthenticationMethods

  constructor(methods: AuthenticationMethods) {
    this.#methods = methods
  }

  set(listener: string, access: AnonymousAccess): void {
    this.#byListener.set(listener, access)
  }

  connect(request: ConnectRequest): ConnectDecision {
    return this.#byListener.get(request.listener)!.connect(request)
  }

  authentication(method: string, request: ConnectRequest): AuthenticationExchange | null {
    return this.#methods.begin(method, request)
  }
}
