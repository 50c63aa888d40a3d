// The foreign programs that the interop tests talk to: Debian's mosquitto, its clients, and Python's paho.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { say } from './house.mjs'

const PACKAGES = [
  { name: 'mosquitto', there: () => existsSync('/usr/sbin/mosquitto') },
  { name: 'mosquitto-clients', there: () => existsSync('/usr/bin/mosquitto_pub') },
  { name: 'python3-paho-mqtt', there: () => succeeds('/usr/bin/python3', ['-c', 'import paho.mqtt.client']) },
]

function succeeds(command, arguments_) {
  return spawnSync(command, arguments_, { stdio: 'ignore', timeout: 20_000 }).status === 0
}

/** Installs what is missing where that is allowed; else says which tests will be skipped, and why. Never fails. */
export function installForeign() {
  const missing = () => PACKAGES.filter((p) => !p.there()).map((p) => p.name)
  const missingBefore = missing()
  if (missingBefore.length === 0) return
  const why = install(missingBefore)
  const left = missing()
  if (missingBefore.includes('mosquitto') && !left.includes('mosquitto')) {
    say('Debian may now run its mosquitto on port 1883, which npm start needs: systemctl disable --now mosquitto')
  }
  if (left.length === 0) return
  say(`the tests that need ${left.join(', ')} will be SKIPPED: ${why ?? 'apt-get could not install them'}`)
}

/** Returns why not, or undefined. */
function install(packages) {
  if (!existsSync('/usr/bin/apt-get')) return 'apt-get is not here to install them'
  const root = process.getuid?.() === 0
  if (!root && !succeeds('sudo', ['-n', 'true'])) {
    return `installing them needs root: sudo apt-get install ${packages.join(' ')}`
  }
  say(`installing ${packages.join(', ')} (apt-get) for the tests`)
  const prefix = root ? ['env'] : ['sudo', '-n', 'env']
  const aptGet = (...arguments_) => {
    const [command, ...rest] = [...prefix, 'DEBIAN_FRONTEND=noninteractive', 'apt-get', '-q', ...arguments_]
    return spawnSync(command, rest, { stdio: ['ignore', 'ignore', 'inherit'], timeout: 180_000 }).status === 0
  }
  const wait = ['-o', 'Acquire::http::Timeout=20', '-o', 'DPkg::Lock::Timeout=60']
  const installed = () => aptGet(...wait, 'install', '-y', '--no-install-recommends', ...packages)
  if (installed() || (aptGet(...wait, 'update') && installed())) return undefined
  return 'apt-get failed, see above'
}
