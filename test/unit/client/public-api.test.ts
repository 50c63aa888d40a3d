import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import * as client from '../../../src/client/index.ts'

/** What programs import from `nightjar/client`. A name that is missing here breaks one of them. */
const VALUES = ['ERROR_CODES', 'MqttError', 'ReasonCode', 'bytes', 'connect', 'json', 'scram', 'text']
const TYPES = [
  'Authentication',
  'Client',
  'ClientEvent',
  'ClientState',
  'ClientStats',
  'ClientTransport',
  'ClientTransportHandler',
  'Clock',
  'CloseOptions',
  'Codec',
  'ConnectOptions',
  'Credentials',
  'DrainOptions',
  'ErrorCode',
  'ErrorDetails',
  'Message',
  'NextOptions',
  'Outgoing',
  'Params',
  'Properties',
  'ProtocolVersion',
  'PublishOptions',
  'PublishProperties',
  'PublishResult',
  'QoS',
  'QueueOptions',
  'ReconnectOptions',
  'RequestOptions',
  'ScramMethod',
  'ScramOptions',
  'ServeOptions',
  'ServerLimits',
  'StandardSchema',
  'SubscribeOptions',
  'Subscription',
  'UnsubscribeOptions',
]
const METHODS = [
  'authenticate',
  'close',
  'closed',
  'drain',
  'events',
  'publish',
  'request',
  'serve',
  'server',
  'stats',
  'subscribe',
  'unsubscribe',
  'clientId',
  'sessionPresent',
  'state',
]

/** Names in `export { a, type B }` and in what `export type *` leads to. */
function exported(path: URL): string[] {
  const source = readFileSync(path, 'utf8')
  const names = [...source.matchAll(/export (?:type )?\{([^}]*)\}/g)].flatMap(([, list]) => list!.split(','))
  const all = [...source.matchAll(/export type \* from '([^']+)'/g)].flatMap(([, file]) =>
    declared(new URL(file!.replace(/\.(ts|js)$/, '.d.ts'), path)),
  )
  return [...names.map((name) => name.trim().replace(/^type /, '')), ...all].filter((name) => name !== '')
}

function declared(path: URL): string[] {
  const source = readFileSync(path, 'utf8')
  return [...source.matchAll(/^export (?:declare )?(?:type|interface) (\w+)/gm)].map(([, name]) => name!)
}

describe("the package's door", () => {
  it('exports these values', () => assert.deepEqual(Object.keys(client).sort(), VALUES))

  it('exports these types', () => {
    const names = exported(new URL('../../../src/client/index.d.ts', import.meta.url))
    assert.deepEqual([...new Set(names)].sort(), [...VALUES, ...TYPES].sort())
  })

  it('gives a client with these members', () => {
    const source = readFileSync(new URL('../../../src/client/api.d.ts', import.meta.url), 'utf8')
    const body = /export interface Client extends AsyncDisposable \{([\s\S]*?)\n\}/.exec(source)![1]!
    const members = [...body.matchAll(/^ {4}(?:readonly )?(\w+)[<(:]/gm)].map(([, name]) => name!)
    assert.deepEqual([...new Set(members)].sort(), [...METHODS].sort())
  })
})
