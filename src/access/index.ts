export { AnonymousAccess, type AnonymousPolicy, isPrivate } from './anonymous.ts'
export { type AuthenticationMethod, AuthenticationMethods, type AuthenticationSteps } from './methods.ts'
export {
  type FindCredential,
  SCRAM_ITERATIONS_MIN,
  type ScramCredential,
  type ScramMethod,
  type ScramOptions,
  scram,
  scramCredential,
  scramMethods,
} from './scram.ts'
