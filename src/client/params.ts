/** 'home/{room}/{what}' has the parameters { room: string; what: string }. */
export type Params<F extends string> = string extends F
  ? Record<string, string>
  : F extends `${infer Level}/${infer Rest}`
    ? LevelParams<Level> & Params<Rest>
    : LevelParams<F>

// biome-ignore lint/complexity/noBannedTypes: a level without a parameter adds nothing
type LevelParams<Level extends string> = Level extends `{${infer Name}}` ? { readonly [K in Name]: string } : {}

/** A filter as the application wrote it, as MQTT has it, and which levels of the topic have names. */
export interface NamedFilter {
  /** With `+` where a level is named. */
  readonly filter: string
  readonly names: readonly { readonly name: string; readonly level: number }[]
}

const NAMED_LEVEL = /^\{([A-Za-z_][A-Za-z0-9_]*)\}$/

/** Levels that are wholly a name in braces become `+`; other braces are part of the topic. */
export function readNamedFilter(source: string): NamedFilter {
  if (!source.includes('{')) return { filter: source, names: [] }
  const names: { name: string; level: number }[] = []
  const levels = source.split('/').map((text, level) => {
    const name = NAMED_LEVEL.exec(text)?.[1]
    if (name === undefined) return text
    names.push({ name, level })
    return '+'
  })
  return { filter: levels.join('/'), names }
}

export function readParams(names: NamedFilter['names'], topic: string): Record<string, string> {
  const params: Record<string, string> = {}
  if (names.length === 0) return params
  const levels = topic.split('/')
  for (const { name, level } of names) params[name] = levels[level] ?? ''
  return params
}
