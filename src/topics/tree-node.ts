import type { IndexBounds } from './bounds.ts'
import { type HashSeed, hashName } from './hash.ts'
import { type Chained, findInChain, isAsLongAs, NameTable, removeFromChain } from './name-table.ts'
import type { TopicLevels } from './topic-levels.ts'

/** What the tables of one tree are made with. */
export interface Tables {
  readonly seed: HashSeed
  readonly bounds: IndexBounds
}

/**
 * A level in a tree of topics. Most nodes have no child or a few, and a Map in each would weigh more than all else, so
 * the children are a chain through the nodes themselves, and a table of chains only when there are many.
 *
 *     site -- children -> dev1 -- next -> dev2 -- next -> null
 *                          |
 *                          +-- children -> temperature -> null
 */
export abstract class TreeNode<N extends TreeNode<N>> implements Chained<N> {
  readonly name: string
  next: N | null = null
  children: N | NameTable<N> | null = null

  constructor(name: string) {
    this.name = name
  }
}

/** The child of `parent` that is named like that level, or null. */
export function findChild<N extends TreeNode<N>>(parent: N, levels: TopicLevels, level: number): N | null {
  const { children } = parent
  if (children === null) return null
  const start = levels.start(level)
  const end = levels.end(level)
  if (children instanceof NameTable) return children.find(levels.text, start, end, levels.hash(level))
  return findInChain<N>(children, levels.text, start, end)
}

/** Adds a child whose name, which has that hash under the seed, is not there yet. */
export function addChild<N extends TreeNode<N>>(parent: N, child: N, hash: number, tables: Tables): void {
  const { children } = parent
  if (children instanceof NameTable) {
    children.add(child, hash)
    return
  }
  child.next = children
  parent.children = child
  if (isAsLongAs(tables.bounds.childrenSearched + 1, child)) parent.children = tableOf(child, tables)
}

/** Removes a child that is there. */
export function removeChild<N extends TreeNode<N>>(parent: N, child: N, hash: number): void {
  const { children } = parent
  if (children instanceof NameTable) {
    children.remove(child, hash)
    if (children.size === 0) parent.children = null
  } else {
    parent.children = removeFromChain<N>(children!, child)
  }
}

function tableOf<N extends TreeNode<N>>(first: N, { seed, bounds }: Tables): NameTable<N> {
  const table = new NameTable<N>(seed, bounds)
  for (let node: N | null = first; node !== null; ) {
    const { next }: N = node
    table.add(node, hashName(node.name, 0, node.name.length, seed))
    node = next
  }
  return table
}
