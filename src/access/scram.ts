import { Buffer } from 'node:buffer'
import { createHash, createHmac, pbkdf2Sync, randomBytes, timingSafeEqual } from 'node:crypto'
import type { AuthenticationOutcome } from '../broker/contracts.ts'
import { saslPrep } from '../protocol/index.ts'
import type { AuthenticationMethod } from './methods.ts'

/** The methods by name, and what each calls its hash here. */
const HASHES = { 'SCRAM-SHA-1': 'sha1', 'SCRAM-SHA-256': 'sha256', 'SCRAM-SHA-512': 'sha512' } as const
export type ScramMethod = keyof typeof HASHES
export const scramMethods = Object.keys(HASHES) as readonly ScramMethod[]

/** What the broker keeps of a password: enough to recognise who knows it, too little to log in with. */
export interface ScramCredential {
  readonly method: ScramMethod
  readonly salt: Uint8Array
  /** How often the password was hashed. */
  readonly iterations: number
  readonly storedKey: Uint8Array
  readonly serverKey: Uint8Array
}

/** RFC 7677 asks for at least 4096. The client pays for them at each login. */
const ITERATIONS = 15_000
export const SCRAM_ITERATIONS_MIN = 4096
const SALT_BYTES = 16
const NONCE_BYTES = 18

export interface ScramOptions {
  /** 'SCRAM-SHA-256' if it is left out. */
  readonly method?: ScramMethod
  /** 4096 or more; 15,000 if it is left out. */
  readonly iterations?: number
  /** Random if it is left out. */
  readonly salt?: Uint8Array
}

/**
 * What is to be kept of a password. Takes some milliseconds. The arguments are checked where they come in: the password
 * has characters and none that SASLprep prohibits.
 */
export function scramCredential(password: string, options: ScramOptions = {}): ScramCredential {
  const { method = 'SCRAM-SHA-256', iterations = ITERATIONS, salt = randomBytes(SALT_BYTES) } = options
  const prepared = saslPrep(password)!
  const hash = HASHES[method]
  const length = createHash(hash).digest().length
  const salted = pbkdf2Sync(prepared, salt, iterations, length, hash)
  const clientKey = hmac(hash, salted, 'Client Key')
  const storedKey = createHash(hash).update(clientKey).digest()
  return { method, salt, iterations, storedKey, serverKey: hmac(hash, salted, 'Server Key') }
}

/** Finds what is kept of a user's password for a method; undefined: no such user, or not for this method. */
export type FindCredential = (username: string, method: ScramMethod) => ScramCredential | undefined

/** SCRAM (RFC 5802, RFC 7677), the server's side, without channel binding. `makeNonce` is for tests. */
export function scram(
  method: ScramMethod,
  find: FindCredential,
  makeNonce: () => string = () => randomBytes(NONCE_BYTES).toString('base64'),
): AuthenticationMethod {
  // Who has no account gets a salt too, always the same, so that it cannot be told who has one.
  const secret = randomBytes(SALT_BYTES)
  return () => {
    let exchange: Proof | null = null
    return {
      step(data) {
        const message = data === null ? '' : Buffer.from(data.buffer, data.byteOffset, data.length).toString('utf8')
        if (exchange !== null) return exchange.check(message)
        const first = readFirst(message)
        if ('result' in first) return first
        const { username, nonce, bare, header } = first
        const credential = find(username, method) ?? stranger(method, secret, username)
        const serverNonce = nonce + makeNonce()
        const salt = Buffer.from(credential.salt).toString('base64')
        const challenge = `r=${serverNonce},s=${salt},i=${credential.iterations}`
        exchange = new Proof(username, credential, serverNonce, header, `${bare},${challenge}`)
        return { result: 'continue', data: Buffer.from(challenge) }
      },
    }
  }
}

/** A credential that no password fits. */
function stranger(method: ScramMethod, secret: Uint8Array, username: string): ScramCredential {
  const salt = createHmac('sha256', secret).update(username).digest().subarray(0, SALT_BYTES)
  const none = new Uint8Array(0)
  return { method, salt, iterations: ITERATIONS, storedKey: none, serverKey: none }
}

/** What is known after the client's first message, to judge its second by. */
class Proof {
  readonly #username: string
  readonly #credential: ScramCredential
  readonly #nonce: string
  readonly #header: string
  readonly #sofar: string

  constructor(username: string, credential: ScramCredential, nonce: string, header: string, sofar: string) {
    this.#username = username
    this.#credential = credential
    this.#nonce = nonce
    this.#header = header
    this.#sofar = sofar
  }

  check(message: string): AuthenticationOutcome {
    const match = /^(c=([^,]+),r=([^,]+)(?:,[A-Za-z]=[^,]*)*),p=([A-Za-z0-9+/=]+)$/.exec(message)
    if (match === null) return failure('the final message of SCRAM is malformed')
    const [, withoutProof, binding, nonce, proof] = match
    if (nonce !== this.#nonce) return failure('SCRAM was answered with another nonce')
    if (binding !== Buffer.from(this.#header).toString('base64')) return failure('SCRAM was bound to another channel')
    const { method, storedKey, serverKey } = this.#credential
    const hash = HASHES[method]
    const transcript = `${this.#sofar},${withoutProof}`
    const signature = hmac(hash, storedKey, transcript)
    const clientKey = Buffer.from(proof!, 'base64')
    if (clientKey.length === signature.length) for (const [i, byte] of signature.entries()) clientKey[i]! ^= byte
    const key = createHash(hash).update(clientKey).digest()
    if (key.length !== storedKey.length || !timingSafeEqual(key, storedKey)) {
      return failure(`wrong password, or no password is known for user '${this.#username}' and ${method}`)
    }
    const verifier = hmac(hash, serverKey, transcript).toString('base64')
    return { result: 'success', username: this.#username, data: Buffer.from(`v=${verifier}`) }
  }
}

interface First {
  readonly username: string
  readonly nonce: string
  /** Without the header, as both sides sign it. */
  readonly bare: string
  readonly header: string
}

/** `n,,n=user,r=nonce`; the part between the commas may name whom the client wants to act as. */
function readFirst(message: string): First | AuthenticationOutcome {
  const match = /^([ny],(?:a=([^,]+))?,)(n=([^,]+),r=([!-+\--~]+)(?:,[A-Za-z]=[^,]*)*)$/.exec(message)
  if (match === null) {
    return failure(message.startsWith('p=') ? 'SCRAM with channel binding' : 'the first message of SCRAM is malformed')
  }
  const [, header, other, bare, name, nonce] = match
  const username = plainName(name!)
  if (username === null) return failure('the user name in SCRAM is malformed')
  if (other !== undefined && plainName(other) !== username) return failure('SCRAM asks to act as another user')
  return { username, nonce: nonce!, bare: bare!, header: header! }
}

/** A name may have commas and equal signs, in disguise. */
function plainName(name: string): string | null {
  if (/=(?!2C|3D)/.test(name)) return null
  const prepared = saslPrep(name.replaceAll('=2C', ',').replaceAll('=3D', '='))
  return prepared === '' ? null : prepared
}

/** Bad User Name or Password */
const WRONG = 0x86

function failure(rule: string): AuthenticationOutcome & { result: 'failure' } {
  return { result: 'failure', reasonCode: WRONG, rule }
}

function hmac(hash: string, key: Uint8Array, text: string): Buffer {
  return createHmac(hash, key).update(text).digest()
}
