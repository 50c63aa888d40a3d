import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { type Authentication, connect, type ScramMethod, scram } from '../../src/client/index.ts'
import { createBroker, scramCredential } from '../../src/index.ts'
import { bytesOf, textOf } from '../support/packets.ts'
import { PATIENCE_MS } from '../support/patience.ts'

const METHOD = 'SCRAM-SHA-256'

const broker = await createBroker({
  port: 0,
  host: '127.0.0.1',
  anonymous: 'nobody',
  authentication: {
    users: {
      ada: [
        scramCredential('pencil', { iterations: 4096 }),
        scramCredential('pencil', { iterations: 4096, method: 'SCRAM-SHA-1' }),
      ],
      eve: scramCredential('apple', { iterations: 4096, method: 'SCRAM-SHA-512' }),
    },
    methods: {
      /** The number is to be said again until it is 0. */
      COUNTDOWN: () => ({
        step: (data) => {
          const left = Number(textOf(data!))
          if (left > 0) return { result: 'continue', data: bytesOf(String(left - 1)) }
          return { result: 'success', username: null, data: null }
        },
      }),
    },
  },
})
/** It knows no password, and acts as if it did. */
const impostor = await createBroker({
  port: 0,
  host: '127.0.0.1',
  authentication: {
    methods: {
      [METHOD]: () => ({
        step: (data) => {
          const nonce = /r=([^,]+)$/.exec(textOf(data!))?.[1]
          if (nonce === undefined) return { result: 'success', username: null, data: bytesOf('v=AAAA') }
          return { result: 'continue', data: bytesOf(`r=${nonce}x,s=QSXCR+Q6sek8bf92,i=4096`) }
        },
      }),
    },
  },
})
after(() => Promise.all([broker.close(), impostor.close()]))

const url = `mqtt://127.0.0.1:${broker.port}`
const impostorUrl = `mqtt://127.0.0.1:${impostor.port}`

describe('enhanced authentication, with the client library', () => {
  const once = (authentication: Authentication, to = url) =>
    connect(to, { authentication, reconnect: false, connectTimeout: PATIENCE_MS })

  for (const [method, user, password] of [
    ['SCRAM-SHA-1', 'ada', 'pencil'],
    ['SCRAM-SHA-256', 'ada', 'pencil'],
    ['SCRAM-SHA-512', 'eve', 'apple'],
  ] as [ScramMethod, string, string][]) {
    it(`[MQTT-4.12.0-3] [MQTT-4.12.1-1] proves itself by ${method}, and again when asked to`, async () => {
      const client = await once(scram(user, password, { method }))
      await client.authenticate()
      await client.authenticate()
      assert.equal((await client.publish('a', 'x', { qos: 1 })).matched, false)
      await client.close()
    })
  }

  it('is refused with the wrong password', async () => {
    await assert.rejects(once(scram('ada', 'pencils')), { code: 'ERR_REFUSED', reasonCode: 0x86 })
  })

  it('leaves a broker that does not know the password', async () => {
    const client = once(scram('ada', 'pencil'), impostorUrl)
    await assert.rejects(client, { code: 'ERR_REFUSED', message: /did not prove/ })
  })

  it('leads an exchange of any method', async () => {
    const respond = (data: Uint8Array | undefined) => data
    const client = await once({ method: 'COUNTDOWN', begin: () => bytesOf('5'), respond })
    await Promise.all([client.authenticate(), client.authenticate()])
    await client.close()
  })

  it('ends when a method fails on its side', async () => {
    const respond = () => {
      throw new Error('no token left')
    }
    const client = once({ method: 'COUNTDOWN', begin: () => bytesOf('5'), respond })
    await assert.rejects(client, { code: 'ERR_REFUSED', message: /no token left/ })
  })

  it('[MQTT-4.12.1-2] tells who asked for it that it may not stay', async () => {
    let proofs = 0
    const first = scram('ada', 'pencil')
    const second = scram('ada', 'pen')
    const current = () => (proofs < 2 ? first : second)
    const client = await once({
      method: METHOD,
      begin: () => {
        proofs++
        return current().begin()
      },
      respond: (data) => current().respond(data),
      finish: (data) => current().finish?.(data),
    })
    await assert.rejects(client.authenticate(), { code: 'ERR_DISCONNECTED', reasonCode: 0x87 })
    await client.closed
  })

  it('cannot prove itself again without a method, or without a connection', async () => {
    const client = await connect(impostorUrl, { reconnect: false })
    await assert.rejects(client.authenticate(), { code: 'ERR_OPTION' })
    await client.close()
    await assert.rejects(client.authenticate(), { code: 'ERR_CLOSED' })
  })
})
