import type { AuthenticationExchange, AuthenticationOutcome, ConnectRequest } from '../broker/contracts.ts'
import { inWords } from '../protocol/index.ts'

/** An Authentication Method (MQTT 5.0): begins an exchange with a client that names it in CONNECT. */
export type AuthenticationMethod = (request: ConnectRequest) => AuthenticationSteps

export interface AuthenticationSteps {
  /**
   * Takes the Authentication Data of CONNECT, then of each AUTH; null if there was none. If it throws or rejects, the
   * client is refused.
   */
  step(data: Uint8Array | null): AuthenticationOutcome | Promise<AuthenticationOutcome>
}

/** Bytes that a packet has room for. */
const LONGEST_DATA = 65_535

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
        if ('result' in outcome) return checked(name, outcome)
        return outcome.then((late) => checked(name, late)).catch((error: unknown) => broken(name, error))
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

/** What the core may rely on: somebody else wrote the method, and a slip of it must let nobody in. */
function checked(name: string, outcome: AuthenticationOutcome): AuthenticationOutcome {
  const wrong = mistake(outcome)
  return wrong === null ? outcome : broken(name, wrong)
}

function mistake(outcome: AuthenticationOutcome): string | null {
  const { result } = outcome
  if (result === 'failure') {
    if (typeof outcome.rule !== 'string') return 'its rule is no text'
    return isFailure(outcome.reasonCode) ? null : 'its reasonCode is none of a failure'
  }
  if (result !== 'continue' && result !== 'success') return `its result is ${String(result)}`
  const { data } = outcome
  if (data !== null && !(data instanceof Uint8Array)) return 'its data is neither null nor bytes'
  if (data !== null && data.length > LONGEST_DATA) return `its data has ${data.length} bytes, more than ${LONGEST_DATA}`
  if (result === 'success' && outcome.username !== null && typeof outcome.username !== 'string') {
    return 'its username is neither null nor a text'
  }
  return null
}

function isFailure(reasonCode: number): boolean {
  return Number.isInteger(reasonCode) && reasonCode >= 0x80 && reasonCode <= 0xff
}

function broken(name: string, error: unknown): AuthenticationOutcome {
  return { result: 'failure', reasonCode: BROKEN, rule: `The authentication method ${name} failed: ${inWords(error)}` }
}
