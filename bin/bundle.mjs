import { existsSync } from 'node:fs'
import module from 'node:module'

const bundle = new URL('../dist/nightjar.js', import.meta.url)
if (existsSync(bundle)) {
  module.enableCompileCache?.() // Node 22 and later: keeps the compiled code between starts
  await import(bundle.href)
} else {
  console.error('nightjar is not built yet: run npm start, or npm run build')
  process.exitCode = 1
}
