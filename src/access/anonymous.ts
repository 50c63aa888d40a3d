import { BlockList, isIPv6 } from 'node:net'
import type { Access, ConnectDecision, ConnectRequest, Peer } from '../broker/contracts.ts'

/** Not Authorized: what a client that may not connect is told. */
const NOT_AUTHORIZED = 0x87

/** Loopback, the private ranges of RFC 1918 and RFC 4193, and link-local addresses. */
const home: BlockList = new BlockList()
home.addSubnet('127.0.0.0', 8)
home.addSubnet('10.0.0.0', 8)
home.addSubnet('172.16.0.0', 12)
home.addSubnet('192.168.0.0', 16)
home.addSubnet('169.254.0.0', 16)
home.addAddress('::1', 'ipv6')
home.addSubnet('fc00::', 7, 'ipv6')
home.addSubnet('fe80::', 10, 'ipv6')

/** Whether an address belongs to this machine or to a private network. */
export function isPrivate(address: string): boolean {
  return home.check(address, isIPv6(address) ? 'ipv6' : 'ipv4')
}

function isNear({ kind, address }: Peer): boolean {
  return kind === 'in-process' || kind === 'unix' || (address !== null && isPrivate(address))
}

export type AnonymousPolicy = 'everybody' | 'nobody' | 'private'

/**
 * Who may connect without proof of who it is. User names and passwords are not looked at: many devices send some whether
 * asked or not, and without a password file there is nothing to hold them against.
 */
export class AnonymousAccess implements Access {
  readonly rules = null
  onChange: (() => void) | null = null
  readonly #policy: AnonymousPolicy

  constructor(policy: AnonymousPolicy) {
    this.#policy = policy
  }

  connect(request: ConnectRequest): ConnectDecision {
    const allowed = this.#policy === 'everybody' || (this.#policy === 'private' && isNear(request.peer))
    return { allowed, reasonCode: allowed ? 0 : NOT_AUTHORIZED, rule: RULES[this.#policy] }
  }

  authentication(): null {
    return null
  }
}

const RULES: Readonly<Record<AnonymousPolicy, string>> = {
  everybody: 'allow_anonymous true admits everybody',
  nobody: 'allow_anonymous false: only clients that authenticate may connect',
  private:
    'Without a configuration, only this machine and private networks may connect: `allow_anonymous true` in a configuration file admits everybody',
}
