import type { AuthenticationExchange, AuthenticationOutcome, ConnectRequest } from '../broker/contracts.ts'

/** An Authentication Method (MQTT 5.0): begins an exchange with a client that names it in CONNECT. */
export type AuthenticationMethod = (request: ConnectRequest) => AuthenticationSteps

export interface AuthenticationSteps {
  /**
   * Takes the Authentication Data of CONNECT, then of each AUTH; null if there was none. If it throws or rejects, the
   * client is refused.
   */
  step(data: Uint8Array | null): AuthenticationOutcome | Promise<AuthenticationOutcome>
}

/** Unspecified Error */
const BROKEN = 0x80

/** The methods by name, as the core asks for them. */
export class AuthenticationMethods {
  readonly #methods: ReadonlyMap<string, AuthenticationMethod>
  readonly #began: () => void

  /** `began` is called before an answer that comes later, so that a turn begins. */
  constructor(methods: ReadonlyMap<string, AuthenticationMethod>, began: () => void) {
    this.#methods = methods
    this.#began = began
  }

  begin(name: string, request: ConnectRequest): AuthenticationExchange | null {
    const method = this.#methods.get(name)
    if (method === undefined) return null
    let steps: AuthenticationSteps | null = null
    const ask = (data: Uint8Array | null): AuthenticationOutcome | Promise<AuthenticationOutcome> => {
      try {
        steps ??= method(request)
        const outcome = steps.step(data)
        return 'result' in outcome ? outcome : outcome.catch((error: unknown) => broken(name, error))
      } catch (error) {
        return broken(name, error)
      }
    }
    return {
      step: (data, answer) => {
        const outcome = ask(data)
        if ('result' in outcome) {
          answer(outcome)
          return
        }
        void outcome.then((late) => {
          this.#began()
          answer(late)
        })
      },
    }
  }
}

function broken(name: string, error: unknown): AuthenticationOutcome {
  return { result: 'failure', reasonCode: BROKEN, rule: `The authentication method ${name} failed: ${String(error)}` }
}
