import { createServer } from 'node:net'
import { connect } from '../../../src/client/index.ts'
import { createBroker } from '../../../src/index.ts'

/** A program that uses a broker, closes it, and has nothing more to do: it must end without process.exit. */
const how = process.argv[2]

if (how === 'failed') {
  const other = createServer()
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
  const { port } = other.address() as { port: number }
  await createBroker({ port, host: '127.0.0.1' }).catch(() => {})
  other.close()
} else {
  const broker = await createBroker(how === 'tcp' ? { port: 0, host: '127.0.0.1' } : {})
  const client =
    how === 'tcp'
      ? await connect(`mqtt://127.0.0.1:${broker.port}`)
      : await connect('mqtt://in-process', { transport: () => broker.transport() })
  await client.publish('x', 'x', { qos: 1, retain: true })
  await client.close()
  await broker.close()
}
process.stdout.write('closed\n')
