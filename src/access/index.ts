export { AnonymousAccess, type AnonymousPolicy, isPrivate } from './anonymous.ts'
