import { text as anyText } from '../arguments/index.ts'
import { saslPrep } from '../protocol/index.ts'
import type { Authentication } from './authentication.ts'
import { check, checkOptions } from './check-arguments.ts'
import { encodeText, text } from './codecs.ts'
import { MqttError } from './errors.ts'

/** The methods, and the names of their hashes in Web Crypto. */
const HASHES = { 'SCRAM-SHA-1': 'SHA-1', 'SCRAM-SHA-256': 'SHA-256', 'SCRAM-SHA-512': 'SHA-512' } as const
export type ScramMethod = keyof typeof HASHES

const BITS: Readonly<Record<ScramMethod, number>> = { 'SCRAM-SHA-1': 160, 'SCRAM-SHA-256': 256, 'SCRAM-SHA-512': 512 }
/** Too few would let a false broker guess the password; too many would keep us busy. */
const ITERATIONS_MIN = 4096
const ITERATIONS_MAX = 10_000_000
const NONCE_BYTES = 18
/** 'n,,' in base64: no channel binding, no other identity. */
const UNBOUND = 'biws'

export interface ScramOptions {
  /** Default 'SCRAM-SHA-256'. */
  method?: ScramMethod
  /** For tests: makes the client's part of the nonce. */
  nonce?: () => string
}

/**
 * SCRAM (RFC 5802, RFC 7677) for the option `authentication`: proves that we know the password without sending it, and
 * that the broker knows it too. Throws MqttError ERR_OPTION for a user name or password that is empty or has control
 * characters.
 */
export function scram(username: string, password: string, options: ScramOptions = {}): Authentication {
  checkOptions('scram', options)
  check('ERR_OPTION', 'The user name of scram()', username, anyText)
  check('ERR_OPTION', 'The password of scram()', password, anyText)
  const { method = 'SCRAM-SHA-256', nonce = randomNonce } = options
  const name = saslPrep(username)
  const secret = saslPrep(password)
  if (!name) throw new MqttError('ERR_OPTION', 'The user name is empty, or has control characters')
  if (!secret) throw new MqttError('ERR_OPTION', 'The password is empty, or has control characters')
  let bare = ''
  let ours = ''
  let verifier = ''
  return {
    method,
    begin: () => {
      ours = nonce()
      verifier = ''
      bare = `n=${name.replaceAll('=', '=3D').replaceAll(',', '=2C')},r=${ours}`
      return encodeText(`n,,${bare}`)
    },
    respond: async (data) => {
      const challenge = text.decode(data ?? new Uint8Array(0))
      const { nonce: whole, salt, iterations } = readChallenge(challenge, ours)
      const salted = await stretch(method, secret, salt, iterations)
      const withoutProof = `c=${UNBOUND},r=${whole}`
      const transcript = `${bare},${challenge},${withoutProof}`
      const clientKey = await hmac(method, salted, 'Client Key')
      const storedKey = new Uint8Array(await crypto.subtle.digest(HASHES[method], clientKey))
      const signature = await hmac(method, storedKey, transcript)
      const proof = clientKey.map((byte, i) => byte ^ signature[i]!)
      verifier = `v=${toBase64(await hmac(method, await hmac(method, salted, 'Server Key'), transcript))}`
      return encodeText(`${withoutProof},p=${toBase64(proof)}`)
    },
    finish: (data) => {
      const said = text.decode(data ?? new Uint8Array(0))
      if (verifier !== '' && said === verifier) return
      throw new MqttError('ERR_REFUSED', 'The broker did not prove that it knows the password: it may be an impostor')
    },
  }
}

function readChallenge(challenge: string, ours: string): { nonce: string; salt: Bytes; iterations: number } {
  const match = /^r=([^,]+),s=([A-Za-z0-9+/]+={0,2}),i=(\d{1,8})(?:,|$)/.exec(challenge)
  if (match === null) throw new MqttError('ERR_REFUSED', `The broker's SCRAM message is malformed: ${challenge}`)
  const nonce = match[1]!
  const iterations = Number(match[3])
  if (!nonce.startsWith(ours) || nonce === ours) {
    throw new MqttError('ERR_REFUSED', 'The broker did not add to the nonce: it may repeat an old exchange')
  }
  if (iterations < ITERATIONS_MIN || iterations > ITERATIONS_MAX) {
    const range = `${ITERATIONS_MIN} to ${ITERATIONS_MAX}`
    throw new MqttError('ERR_REFUSED', `The broker asks for ${iterations} iterations; use ${range}`)
  }
  return { nonce, salt: Uint8Array.from(atob(match[2]!), (letter) => letter.charCodeAt(0)), iterations }
}

type Bytes = Uint8Array<ArrayBuffer>

async function stretch(method: ScramMethod, password: string, salt: Bytes, iterations: number): Promise<Bytes> {
  const key = await crypto.subtle.importKey('raw', plain(password), 'PBKDF2', false, ['deriveBits'])
  const how = { name: 'PBKDF2', hash: HASHES[method], salt, iterations }
  return new Uint8Array(await crypto.subtle.deriveBits(how, key, BITS[method]))
}

async function hmac(method: ScramMethod, secret: Bytes, message: string): Promise<Bytes> {
  const how = { name: 'HMAC', hash: HASHES[method] }
  const key = await crypto.subtle.importKey('raw', secret, how, false, ['sign'])
  return new Uint8Array(await crypto.subtle.sign('HMAC', key, plain(message)))
}

function plain(value: string): Bytes {
  return new Uint8Array(encodeText(value))
}

function randomNonce(): string {
  return toBase64(crypto.getRandomValues(new Uint8Array(NONCE_BYTES)))
}

function toBase64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
}
