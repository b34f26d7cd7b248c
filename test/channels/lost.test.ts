import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { type BackplaneSink, memoryBackplane } from '../../src/index.ts'
import { buildApp } from '../helpers/app.ts'
import { ChannelClient } from '../helpers/channel-client.ts'

/** An application whose engine can lose everything it has kept, and tells so. */
async function forgetful (t: TestContext) {
  const backplane = memoryBackplane()
  const { start, read } = backplane
  let sink!: BackplaneSink
  let generation = 0
  backplane.start = (id, given) => {
    sink = given
    return start.call(backplane, id, given)
  }
  backplane.read = async (...args) => {
    const result = await read.call(backplane, ...args)
    return generation === 0 ? result : { top: { epoch: `epoch ${generation}`, offset: 0 }, publications: [] }
  }
  const app = await buildApp(t, { backplane, channels: { defaults: { history: { size: 5, ttl: 60_000 } } } })
  const forget = (): void => {
    generation++
    sink.up()
  }
  return { app, forget }
}

test('whose publications are lost is told 2500, subscribes again, and learns that they cannot be had', async t => {
  const { app, forget } = await forgetful(t)
  const client = await ChannelClient.join(app)
  const { epoch } = await client.ok('subscribe', { channel: 'a' })
  await app.realtime.publish('a', 1)
  await client.push()
  forget()
  assert.deepEqual(await client.push(), { channel: 'a', unsubscribe: { code: 2500, reason: 'insufficient state' } })
  const again = await client.ok('subscribe', { channel: 'a', recover: true, epoch, offset: 1 })
  assert.deepEqual([again.epoch, again.offset, again.recovered], ['epoch 1', 0, false])
})

test('where the server had subscribed a client whose publications are lost, it has to come back: 3010', async t => {
  const { app, forget } = await forgetful(t)
  const client = await ChannelClient.join(app)
  await [...app.realtime.connections][0]!.subscribe('a')
  await client.push()
  forget()
  assert.deepEqual(await client.closed, { code: 3010, reason: 'insufficient state' })
})
