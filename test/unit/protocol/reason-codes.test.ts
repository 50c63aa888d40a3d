import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  ConnectReturnCode,
  connectReturnCode,
  PacketType,
  ReasonCode,
  reasonCodeFits,
  reasonCodeName,
} from '../../../src/protocol/index.ts'

const { Connack, Puback, Pubrec, Pubrel, Pubcomp, Suback, Unsuback, Disconnect, Auth } = PacketType

/** The tables of the packets in the standard once more, by hand. */
const BY_PACKET: readonly [type: PacketType, codes: number[]][] = [
  [
    Connack,
    [
      0x00, 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x8c, 0x90, 0x95, 0x97, 0x99, 0x9a, 0x9b,
      0x9c, 0x9d, 0x9f,
    ],
  ],
  [Puback, [0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99]],
  [Pubrec, [0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99]],
  [Pubrel, [0x00, 0x92]],
  [Pubcomp, [0x00, 0x92]],
  [Suback, [0x00, 0x01, 0x02, 0x80, 0x83, 0x87, 0x8f, 0x91, 0x97, 0x9e, 0xa1, 0xa2]],
  [Unsuback, [0x00, 0x11, 0x80, 0x83, 0x87, 0x8f, 0x91]],
  [
    Disconnect,
    [
      0x00, 0x04, 0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8b, 0x8c, 0x8d, 0x8e, 0x8f, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97,
      0x98, 0x99, 0x9a, 0x9b, 0x9c, 0x9d, 0x9e, 0x9f, 0xa0, 0xa1, 0xa2,
    ],
  ],
  [Auth, [0x00, 0x18, 0x19]],
]

for (const [type, codes] of BY_PACKET) {
  test(`packets of type ${type} have the reason codes of the standard and no other`, () => {
    const fitting = Array.from({ length: 256 }, (_, code) => code).filter((code) => reasonCodeFits(type, code))
    assert.deepEqual(fitting, codes)
  })
}

test('every code that a packet may carry has a constant and a name in words, and there is no other', () => {
  const used = new Set(BY_PACKET.flatMap(([, codes]) => codes))
  assert.deepEqual(new Set<number>(Object.values(ReasonCode)), used)
  const names = [...used].map((code) => reasonCodeName(code))
  assert.equal(new Set(names).size, used.size)
  for (const name of names) assert.match(name, /^[a-z][A-Za-z0-9 ,-]+$/)
  assert.equal(reasonCodeName(0x05), 'reason code 0x05')
})

test('refusals become the Connect Return code that comes closest', () => {
  const { UnacceptableProtocolVersion, IdentifierRejected, ServerUnavailable, BadUserNameOrPassword, NotAuthorized } =
    ConnectReturnCode
  for (const [reasonCode, returnCode] of [
    [ReasonCode.Success, ConnectReturnCode.Accepted],
    [ReasonCode.UnsupportedProtocolVersion, UnacceptableProtocolVersion],
    [ReasonCode.ClientIdentifierNotValid, IdentifierRejected],
    [ReasonCode.ServerBusy, ServerUnavailable],
    [ReasonCode.QuotaExceeded, ServerUnavailable],
    [ReasonCode.BadUserNameOrPassword, BadUserNameOrPassword],
    [ReasonCode.BadAuthenticationMethod, BadUserNameOrPassword],
    [ReasonCode.NotAuthorized, NotAuthorized],
    [ReasonCode.Banned, NotAuthorized],
  ] as const) {
    assert.equal(connectReturnCode(reasonCode), returnCode)
  }
  for (const code of Object.values(ConnectReturnCode)) assert.equal(connectReturnCode(code), code)
})
