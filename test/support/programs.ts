import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { PATIENCE_MS } from './patience.ts'

/** Foreign programs for the tests, each a path; use with `{ skip: missing(programs.pub) }`. */
export const programs = {
  mosquitto: '/usr/sbin/mosquitto',
  pub: '/usr/bin/mosquitto_pub',
  sub: '/usr/bin/mosquitto_sub',
  rr: '/usr/bin/mosquitto_rr',
  python: '/usr/bin/python3',
  cc: '/usr/bin/cc',
  mkfifo: '/usr/bin/mkfifo',
  chromium: '/usr/bin/chromium',
} as const

/** A reason to skip a test, or false: what it needs is here. */
export function missing(...paths: string[]): string | false {
  const absent = paths.filter((path) => !existsSync(path))
  return absent.length > 0 && `${absent.join(', ')} is not installed`
}

/** The same for Python's paho-mqtt, as Debian's python3 sees it. */
export function missingPaho(): string | false {
  const imported = spawnSync(programs.python, ['-c', 'import paho.mqtt.client'], {
    stdio: 'ignore',
    timeout: PATIENCE_MS,
  })
  return imported.status === 0 ? false : 'python3-paho-mqtt is not installed'
}
