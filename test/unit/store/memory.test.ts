import { MemoryStore } from '../../../src/store/index.ts'
import { storeContract } from './contract.ts'

storeContract(
  'memory',
  () => new MemoryStore(),
  (store) => store,
)
