import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type BrokerUrl, readBrokerUrl } from '../../../src/cli/broker-url.ts'

const NOTHING: BrokerUrl = { host: '', port: undefined, username: undefined, password: undefined, topic: undefined }

const TABLE: readonly [url: string, expected: Partial<BrokerUrl>][] = [
  ['mqtt://h', { host: 'h' }],
  ['mqtt://h/', { host: 'h' }],
  ['MQTT://h:1884/a', { host: 'h', port: 1884, topic: 'a' }],
  ['mqtt://10.0.0.5/a/b/#', { host: '10.0.0.5', topic: 'a/b/#' }],
  ['mqtt://[::1]:1883/x?y', { host: '::1', port: 1883, topic: 'x?y' }],
  ['mqtt://h//a', { host: 'h', topic: '/a' }],
  ['mqtt://u@h/a', { host: 'h', username: 'u', topic: 'a' }],
  ['mqtt://u:p@h:5', { host: 'h', port: 5, username: 'u', password: 'p' }],
  ['mqtt://u:@h', { host: 'h', username: 'u', password: '' }],
  ['mqtt://u:a:b@h', { host: 'h', username: 'u', password: 'a:b' }],
  ['mqtt://u%40x:p%3A%25@h', { host: 'h', username: 'u@x', password: 'p:%' }],
  ['mqtt://u:50%off@h', { host: 'h', username: 'u', password: '50%off' }],
  ['mqtt://u:p@ss@h', { host: 'h', username: 'u', password: 'p@ss' }],
  ['mqtt://h/caf%C3%A9', { host: 'h', topic: 'caf%C3%A9' }],
]

for (const [url, expected] of TABLE) {
  test(`${url} is read`, () => assert.deepEqual(readBrokerUrl(url, '-L'), { ...NOTHING, ...expected }))
}
