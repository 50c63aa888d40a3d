// What the scripts share: where the tree is, what is out of date, and how to run a command.
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = dirname(dirname(fileURLToPath(import.meta.url)))

/** The build is as new as the mtime of this file, which a finished build sets to the time at which it began. */
export const stamp = join(root, 'dist', '.built')

const BUILT_FROM = ['src', 'test', 'bench', 'tsconfig.json', 'tsconfig.core.json', 'package.json', 'scripts/build.mjs']

/** Every file below `folder` (a path in the tree) whose name ends in `ending`, as paths in the tree, sorted. */
export function files(folder, ending) {
  const found = []
  for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
    const path = `${folder}/${entry.name}`
    if (entry.isDirectory()) found.push(...files(path, ending))
    else if (entry.name.endsWith(ending)) found.push(path)
  }
  return found.sort()
}

/** The time of the newest file or folder under `path`; a folder's own time tells of files that went away. */
function newest(path) {
  if (!existsSync(path)) return 0
  const status = statSync(path)
  if (!status.isDirectory()) return status.mtimeMs
  let time = status.mtimeMs
  for (const name of readdirSync(path)) time = Math.max(time, newest(join(path, name)))
  return time
}

export function buildIsStale(from = BUILT_FROM) {
  if (!existsSync(stamp)) return true
  const built = statSync(stamp).mtimeMs
  return from.some((path) => newest(join(root, path)) > built)
}

/** Runs `npm ci` if node_modules is missing or older than the lock file. Ends the process if that fails. */
export function installPackages() {
  const lock = join(root, 'package-lock.json')
  const installed = join(root, 'node_modules', '.package-lock.json')
  if (existsSync(installed) && statSync(installed).mtimeMs >= statSync(lock).mtimeMs) return
  say('installing the npm packages (npm ci)')
  const arguments_ = ['ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error']
  const { status } = spawnSync('npm', arguments_, { cwd: root, stdio: 'inherit', shell: process.platform === 'win32' })
  if (status !== 0) {
    say('npm ci failed, see above')
    process.exit(1)
  }
}

/** Runs one of the installed tools, or node itself; resolves to { ok, output } and never rejects. */
export function run(command, arguments_) {
  const program = command === 'node' ? process.execPath : join(root, 'node_modules', '.bin', command)
  return new Promise((resolve) => {
    const child = spawn(program, arguments_, { cwd: root, shell: process.platform === 'win32' })
    let output = ''
    const collect = (chunk) => {
      output += chunk
    }
    child.stdout.on('data', collect)
    child.stderr.on('data', collect)
    child.on('error', (error) => resolve({ ok: false, output: error.message }))
    child.on('close', (code) => resolve({ ok: code === 0, output }))
  })
}

export function say(line) {
  console.error(`nightjar: ${line}`)
}
