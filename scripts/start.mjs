// npm start [-- arguments of the broker]: installs and builds what is missing or old, then is the broker.
import { nodeIsTooOld } from '../bin/node-version.mjs'

// What an old Node cannot read is loaded only by one that can.
if (nodeIsTooOld()) process.exitCode = 1
else void import('./start-broker.mjs')
