import { TreeNode } from './tree-node.ts'

/**
 * A level of the tree of retained messages. Its children are a list, too, the newest first: who walks along it meets none
 * that came after the walk began, and the order tells nothing of how names are hashed.
 *
 *     site -- first -> dev3 <-> dev2 <-> dev1
 */
export class RetainedLevel<V> extends TreeNode<RetainedLevel<V>> {
  /** The whole topic, as it was handed in; '' if none ends here. */
  topic = ''
  value: V | undefined = undefined
  first: RetainedLevel<V> | null = null
  before: RetainedLevel<V> | null = null
  after: RetainedLevel<V> | null = null
  /** Cursors that stand here: it stays in the tree, even if it is empty, so that they find on. */
  cursors = 0

  /** Puts a new child in front of the others. */
  list(child: RetainedLevel<V>): void {
    child.after = this.first
    if (this.first !== null) this.first.before = child
    this.first = child
  }

  unlist(child: RetainedLevel<V>): void {
    const { before, after } = child
    if (before === null) this.first = after
    else before.after = after
    if (after !== null) after.before = before
  }

  get needed(): boolean {
    return this.value !== undefined || this.first !== null || this.cursors > 0
  }
}
