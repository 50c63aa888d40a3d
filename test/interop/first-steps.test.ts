import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { missing, programs } from '../support/programs.ts'
import { root } from '../support/root.ts'
import { Running, run } from '../support/running.ts'

/** What somebody does who has just started the broker: the commands as they are typed, but for the port. */

const PATH = `${join(root, 'bin')}:${process.env['PATH']}`
const skip = missing(programs.pub, programs.sub)

/** The broker, and the port that it names. */
async function start(): Promise<{ broker: Running; port: number }> {
  const broker = new Running('/bin/sh', ['-c', 'exec nightjar -p 0 2>&1'], { PATH })
  for (let line = await broker.line(); ; line = await broker.line()) {
    const listening = /Listening on port (\d+)/.exec(line)
    if (listening !== null) return { broker, port: Number(listening[1]) }
  }
}

const { broker, port } = await start()

/** With `-p PORT` after the command's name. */
function typed(command: string): string[] {
  return ['-c', `exec ${command.replace(/^(mosquitto_\w+|nightjar \w+)/, `$1 -p ${port}`)}`]
}

/** A command that goes on: what it prints is asked for line by line. */
function begin(command: string): Running {
  return new Running('/bin/sh', typed(command), { PATH })
}

/** A command that must end well; returns what it printed. */
async function enter(command: string): Promise<string> {
  const { code, stdout, stderr } = await run('/bin/sh', typed(command), { env: { PATH } })
  assert.equal(`${code} ${stderr}`, '0 ', command)
  return stdout
}

/** A subscriber with -v that stands: a retained message of that topic, which its filter covers, has come and gone. */
async function standing(command: string, topic: string): Promise<Running> {
  await enter(`mosquitto_pub -t ${topic} -m ready -r`)
  const running = begin(command)
  assert.equal(await running.line(), `${topic} ready`)
  await enter(`mosquitto_pub -t ${topic} -n -r`)
  assert.match(await running.line(), new RegExp(`^${topic} `))
  return running
}

describe('the first steps', { skip }, () => {
  it("mosquitto_sub -t 'home/#' -v receives what mosquitto_pub publishes", async () => {
    const subscriber = await standing("mosquitto_sub -t 'home/#' -v", 'home/ready')
    await enter('mosquitto_pub -t home/sensor1/temp -m 33')
    assert.equal(await subscriber.line(), 'home/sensor1/temp 33')
  })

  it("nightjar sub -t 'home/sensor1/*/*' -v receives home/sensor1/temp/33", async () => {
    const subscriber = await standing("nightjar sub -t 'home/sensor1/*/*' -v", 'home/sensor1/is/ready')
    await enter('mosquitto_pub -t home/sensor1/temp/33 -m x')
    await enter('nightjar pub -t home/sensor1/temp/34 -m y')
    assert.deepEqual(await subscriber.take(2), ['home/sensor1/temp/33 x', 'home/sensor1/temp/34 y'])
  })

  it("mosquitto_sub -t '$sys/#' receives the status of the broker", async () => {
    const some = await enter("mosquitto_sub -t '$sys/#' -v -C 20 -W 15")
    assert.match(some, /^(\$SYS\/broker\/\S+ .+\n){20}$/)
    const text = await enter("mosquitto_sub -t '$sys/broker/version' -t '$sys/broker/uptime' -v -C 2 -W 15")
    assert.match(text, /^\$SYS\/broker\/version nightjar version \d+\.\d+\.\d+$/m)
    assert.match(text, /^\$SYS\/broker\/uptime \d+ seconds$/m)
  })

  it('a retained message reaches who comes late, and an empty retained payload clears it', async () => {
    await enter('mosquitto_pub -t house/door -m open -r')
    assert.equal(await enter('mosquitto_sub -t house/door -C 1 -W 5'), 'open\n')
    assert.equal(await enter('nightjar sub -t house/door -C 1 -W 5'), 'open\n')
    await enter('mosquitto_pub -t house/door -n -r')
    await enter('mosquitto_pub -t house/window -m shut -r')
    assert.equal(await enter("mosquitto_sub -t 'house/#' -v -C 1 -W 5"), 'house/window shut\n')
  })

  it('a client that is killed has its will published', async () => {
    const watcher = await standing('mosquitto_sub -t will/lamp -v', 'will/lamp')
    const lamp = await standing(
      "mosquitto_sub -k 10 -t 'lamp/#' -v --will-topic will/lamp --will-payload 'the lamp is gone'",
      'lamp/ready',
    )
    await lamp.stop('SIGKILL')
    assert.equal(await watcher.line(), 'will/lamp the lamp is gone')
  })

  it('one that falls silent has it published, too', async () => {
    const watcher = await standing('nightjar sub -t will/heater -v', 'will/heater')
    const heater = await standing(
      "nightjar sub -k 2 -t 'heater/#' -v --will-topic will/heater --will-payload 'the heater is silent'",
      'heater/ready',
    )
    heater.process.kill('SIGSTOP')
    assert.equal(await watcher.line(), 'will/heater the heater is silent')
  })

  it('Ctrl-C ends the broker', async () => {
    assert.equal((await broker.stop('SIGINT')).code, 0)
  })
})
