export { defaultFolder } from './open-store.ts'
export { type BrokerArguments, runBroker } from './run.ts'
export { type ListenOptions, Server, type ServerSettings, type Unchanged } from './server.ts'
