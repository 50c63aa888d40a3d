import fs from 'node:fs'
import { join } from 'node:path'
import { type Config, defaultConfig, describeProblem, type Include, parseConfig } from '../config/index.ts'

/** The configuration in the file, or the default one; null if it is not valid. Problems go to stderr. */
export function readConfig(file: string | null): Config | null {
  if (file === null) return defaultConfig()
  let text: string
  try {
    text = fs.readFileSync(file, 'utf8')
  } catch (error) {
    process.stderr.write(`nightjar: cannot read the configuration ${file}: ${(error as Error).message}\n`)
    return null
  }
  const { config, problems } = parseConfig(text, file, include)
  for (const problem of problems) process.stderr.write(`${describeProblem(problem)}\n`)
  return problems.some(({ severity }) => severity === 'error') ? null : config
}

const include: Include = (folder) => {
  const names = fs.readdirSync(folder).filter((name) => name.length > ENDING.length && name.endsWith(ENDING))
  return names.sort(byName).map((name) => {
    const file = join(folder, name)
    return { file, text: fs.readFileSync(file, 'utf8') }
  })
}

const ENDING = '.conf'

/** As mosquitto does: alphabetically, upper case before lower case of the same letter. */
function byName(a: string, b: string): number {
  const [first, second] = [sortKey(a), sortKey(b)]
  return first < second ? -1 : first > second ? 1 : 0
}

function sortKey(name: string): string {
  return Array.from(name, (letter) => letter.toUpperCase() + letter).join('')
}
