import { createHash, createHmac, pbkdf2Sync } from 'node:crypto'

/** The client's side of SCRAM as RFC 5802 writes it down, apart from both that are tested. */

const HASHES: Readonly<Record<string, string>> = {
  'SCRAM-SHA-1': 'sha1',
  'SCRAM-SHA-256': 'sha256',
  'SCRAM-SHA-512': 'sha512',
}

export function scramFirst(username: string, nonce: string): string {
  return `n,,n=${username.normalize('NFKC').replaceAll('=', '=3D').replaceAll(',', '=2C')},r=${nonce}`
}

/** The client's second message, and what the server must then say. */
export function scramAnswer(
  method: string,
  username: string,
  password: string,
  nonce: string,
  challenge: string,
): { message: string; verifier: string } {
  const hash = HASHES[method]!
  const [, serverNonce, salt, iterations] = /^r=([^,]+),s=([^,]+),i=(\d+)$/.exec(challenge)!
  const hmac = (key: Uint8Array, text: string): Buffer => createHmac(hash, key).update(text).digest()
  const length = createHash(hash).digest().length
  const salted = pbkdf2Sync(password, Buffer.from(salt!, 'base64'), Number(iterations), length, hash)
  const clientKey = hmac(salted, 'Client Key')
  const bare = scramFirst(username, nonce).slice(3)
  const transcript = `${bare},${challenge},c=biws,r=${serverNonce}`
  const signature = hmac(createHash(hash).update(clientKey).digest(), transcript)
  const proof = Buffer.from(clientKey.map((byte, i) => byte ^ signature[i]!)).toString('base64')
  const verifier = `v=${hmac(hmac(salted, 'Server Key'), transcript).toString('base64')}`
  return { message: `c=biws,r=${serverNonce},p=${proof}`, verifier }
}
