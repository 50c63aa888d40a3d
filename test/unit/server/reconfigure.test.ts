import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { connect as connectSocket, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { defaultListener, defaultSettings, type Settings } from '../../../src/broker/index.ts'
import { parseConfig, version } from '../../../src/config/index.ts'
import { serverSettingsFrom } from '../../../src/server/from-config.ts'
import { type ListenOptions, Server, type ServerSettings } from '../../../src/server/index.ts'
import { connect, publish } from '../../support/packets.ts'
import { RawClient } from '../../support/raw-client.ts'

const folder = mkdtempSync(join(tmpdir(), 'nightjar-reconfigure-'))
const servers: Server[] = []
after(async () => {
  for (const server of servers) await server.close(100)
  rmSync(folder, { recursive: true, force: true })
})

function start(): Server {
  const server = new Server({ ...defaultSettings, version: `nightjar version ${version}` }, () => {})
  servers.push(server)
  return server
}

/** A port on which nobody listens. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}

function listener(port: number, more: Partial<ListenOptions> = {}): ListenOptions {
  const { name: _, ...settings } = defaultListener
  return { port, host: '127.0.0.1', access: 'everybody', noDelay: true, maximumConnections: -1, settings, ...more }
}

function wanted(listeners: readonly ListenOptions[], settings: Partial<Settings> = {}): ServerSettings {
  return {
    settings: { ...defaultSettings, version: `nightjar version ${version}`, ...settings },
    maximumConnections: -1,
    listeners,
  }
}

async function arrive(port: number): Promise<RawClient> {
  const client = await RawClient.open(port, 5)
  client.send(connect())
  assert.equal((await client.connack()).reasonCode, 0)
  return client
}

async function refused(port: number): Promise<void> {
  const [error] = await once(connectSocket({ port, host: '127.0.0.1' }), 'error')
  assert.equal((error as NodeJS.ErrnoException).code, 'ECONNREFUSED')
}

/** A message goes from one to the other. */
async function exchange(from: RawClient, to: RawClient): Promise<void> {
  await to.subscribe('t', { qos: 1 })
  from.send(publish('t', 'still here'))
  assert.equal((await to.take()).payload, 'still here')
}

describe('a server that runs', () => {
  it('opens and closes listeners, and leaves who came by one that is gone', async () => {
    const server = start()
    const [one, other] = [await freePort(), await freePort()]
    await server.listen(listener(one))
    const first = await arrive(one)
    await server.listen(listener(other))
    const second = await arrive(other)
    assert.equal(server.unlisten(`127.0.0.1:${one}`), true)
    assert.equal(server.unlisten(`127.0.0.1:${one}`), false)
    await refused(one)
    await exchange(first, second)
    await server.listen(listener(one))
    ;(await arrive(one)).kill()
  })

  it('ends the connections of a listener with it, if it is told to', async () => {
    const server = start()
    const [one, other] = [await freePort(), await freePort()]
    await server.listen(listener(one))
    await server.listen(listener(other))
    const [gone, stays] = [await arrive(one), await arrive(other)]
    server.unlisten(`127.0.0.1:${one}`, true)
    await gone.expectDisconnect(0x98)
    await exchange(stays, stays)
  })

  it('takes a new configuration: listeners come, go and change, limits hold, and nobody is dropped', async () => {
    const server = start()
    const [stays, goes, comes] = [await freePort(), await freePort(), await freePort()]
    const path = join(folder, 'a.sock')
    await server.listen(listener(stays))
    await server.listen(listener(goes))
    await server.listen(listener(0, { host: undefined, path }))
    const clients = [await arrive(stays), await arrive(goes)] as const
    const { settings } = listener(stays)
    const changed = listener(stays, { settings: { ...settings, maximumQoS: 1 }, maximumConnections: 2 })
    const told = await server.reconfigure(wanted([changed, listener(comes)], { maximumSubscriptions: 1 }))
    assert.deepEqual(told, [])
    await refused(goes)
    assert.ok(!existsSync(path))
    ;(await arrive(comes)).kill()
    await exchange(...clients)
    assert.equal(await clients[1].subscribe('t', { qos: 2 }), 2, 'as it was told')
    assert.equal(await clients[1].subscribe('u'), 0x97)
    const next = await RawClient.open(stays, 5)
    next.send(connect())
    assert.equal((await next.connack()).properties.maximumQoS, 1)
    const third = connectSocket({ port: stays, host: '127.0.0.1' }).resume()
    third.on('error', () => {})
    await once(third, 'close')
    assert.deepEqual(await server.reconfigure(wanted([listener(stays)])), [])
    ;(await arrive(stays)).kill()
  })

  it('lets in by the new rule who comes from now on', async () => {
    const server = start()
    const port = await freePort()
    await server.listen(listener(port, { access: 'nobody' }))
    await server.reconfigure(wanted([listener(port)]))
    const client = await arrive(port)
    await server.reconfigure(wanted([listener(port, { access: 'nobody' })]))
    const stranger = await RawClient.open(port, 5)
    stranger.send(connect())
    assert.equal((await stranger.connack()).reasonCode, 0x87)
    await exchange(client, client)
  })

  it('names what cannot change, with a reason, and does the rest', async () => {
    const server = start()
    const [mine, taken, last] = [await freePort(), await freePort(), await freePort()]
    const other = createServer().listen(taken, '127.0.0.1')
    await once(other, 'listening')
    await server.listen(listener(mine))
    const settings = { starWildcard: false, maximumSubscriptions: 1 }
    const told = await server.reconfigure(
      wanted([listener(mine, { ipv6Only: true }), listener(taken), listener(last)], settings),
    )
    assert.deepEqual(
      told.map(({ option }) => option),
      ['star_wildcard', 'socket_domain', `listener 127.0.0.1:${taken}`],
    )
    assert.match(told[2]!.reason, /EADDRINUSE/)
    const client = await arrive(last)
    await client.subscribe('t')
    assert.equal(await client.subscribe('u'), 0x97)
    other.close()
  })

  it('has all that a file says once it has been told', async () => {
    const server = start()
    const port = await freePort()
    const file = (...lines: string[]): ServerSettings => {
      const { config, problems } = parseConfig(lines.join('\n'), 'x.conf')
      assert.deepEqual(problems, [])
      return serverSettingsFrom(config, { configFile: 'x.conf', port: null })
    }
    const place = [`listener ${port} 127.0.0.1`, 'allow_anonymous true']
    await server.reconfigure(file(...place))
    const client = await arrive(port)
    const next = file(...place, 'max_qos 1', 'max_queued_messages 5', 'sys_interval 7', 'max_keepalive 99')
    assert.deepEqual(await server.reconfigure(next), [])
    assert.deepEqual(server.broker.core.settings, next.settings)
    const other = await RawClient.open(port, 5)
    other.send(connect())
    const { maximumQoS, serverKeepAlive } = (await other.connack()).properties
    assert.deepEqual([maximumQoS, serverKeepAlive], [1, 99])
    await exchange(client, other)
  })
})
