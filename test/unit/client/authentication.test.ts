import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { connect, MqttError, ReasonCode } from '../../../src/client/index.ts'
import { PacketType } from '../../../src/protocol/index.ts'
import { scene } from './support/with-broker.ts'

const stage = scene()

describe('authentication', () => {
  const method = 'TEST'
  const bytes = (text: string) => new TextEncoder().encode(text)

  it('goes on until the broker is content, and the broker proves itself', async () => {
    let proof: Uint8Array | undefined
    const connecting = connect(stage.broker.url, {
      authentication: {
        method,
        begin: () => bytes('hello'),
        respond: async (data) => bytes(`${new TextDecoder().decode(data)} 42`),
        finish: (data) => {
          proof = data
        },
      },
    })
    const peer = await stage.broker.accept()
    const sent = await peer.expect(PacketType.Connect)
    assert.equal(sent.properties.authenticationMethod, method)
    assert.deepEqual(sent.properties.authenticationData, bytes('hello'))
    const properties = { authenticationMethod: method, authenticationData: bytes('6 x 7 =') }
    peer.send({ type: PacketType.Auth, reasonCode: ReasonCode.ContinueAuthentication, properties })
    const answer = await peer.expect(PacketType.Auth)
    assert.deepEqual(answer.properties.authenticationData, bytes('6 x 7 = 42'))
    const welcome = { authenticationMethod: method, authenticationData: bytes('proof') }
    peer.send({ type: PacketType.Connack, sessionPresent: false, reasonCode: 0, properties: welcome })
    await (await connecting).close()
    assert.deepEqual(proof, bytes('proof'))
  })

  it('that fails on our side ends the attempt', async () => {
    const fail = () => {
      throw new Error('wrong proof')
    }
    const connecting = connect(stage.broker.url, {
      reconnect: false,
      authentication: { method, begin: () => undefined, respond: () => undefined, finish: fail },
    })
    const failed = assert.rejects(
      connecting,
      (error: MqttError) => error instanceof MqttError && /wrong proof/.test(error.message),
    )
    await stage.broker.welcome({ properties: { authenticationMethod: method } })
    await failed
  })

  it('that nobody asked for is an error of the broker', async () => {
    const connecting = connect(stage.broker.url)
    const failed = assert.rejects(connecting, { code: 'ERR_PROTOCOL', message: /an unexpected AUTH/ })
    const peer = await stage.broker.accept()
    await peer.expect(PacketType.Connect)
    const properties = { authenticationMethod: method }
    peer.send({ type: PacketType.Auth, reasonCode: ReasonCode.ContinueAuthentication, properties })
    await failed
  })
})
