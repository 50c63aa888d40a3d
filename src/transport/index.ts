export { nodeText } from './text.ts'
