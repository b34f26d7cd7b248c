import assert from 'node:assert/strict'
import { test } from 'node:test'
import { memoryBackplane, type Backplane } from '../../src/index.ts'
import { buildApp, listen } from '../helpers/app.ts'
import { ChannelClient } from '../helpers/channel-client.ts'
import { until } from '../helpers/until.ts'

const everything = { defaults: { history: { size: 3, ttl: 60_000 }, presence: true, joinLeave: true } }

/** A backplane that tells which channels flow. */
function observed (): { backplane: Backplane, flowing: Map<string, number> } {
  const backplane = memoryBackplane()
  const flowing = new Map<string, number>()
  const { subscribe, unsubscribe } = backplane
  backplane.subscribe = channels => {
    for (const channel of channels) flowing.set(channel, (flowing.get(channel) ?? 0) + 1)
    return subscribe.call(backplane, channels)
  }
  backplane.unsubscribe = channels => {
    for (const channel of channels) {
      const left = flowing.get(channel)! - 1
      if (left === 0) flowing.delete(channel)
      else flowing.set(channel, left)
    }
    return unsubscribe.call(backplane, channels)
  }
  return { backplane, flowing }
}

test('a thousand subscribes and unsubscribes leave nothing behind, and each lasts as long as it should', async t => {
  const { backplane, flowing } = observed()
  const app = await buildApp(t, { channels: everything, backplane })
  const client = await ChannelClient.join(app)
  for (let i = 0; i < 1_000; i++) {
    const request = { channel: `c${i % 7}`, flag: i % 2, join_leave: i % 3 === 0, recover: i % 5 === 0 }
    const [subscribed] = await Promise.all([client.ok('subscribe', request), i % 2 === 0 ? client.ok('unsubscribe', request) : undefined])
    assert.equal(typeof subscribed.epoch, 'string')
    if (i % 2 === 0) continue
    const published = await app.realtime.publish(request.channel, i)
    assert.equal(published.delivered, 1)
    await client.ok('unsubscribe', request)
  }
  assert.equal(app.realtime.stats().channels, 0)
  assert.equal(flowing.size, 0)
  const [connection] = app.realtime.connections
  assert.equal(connection!.channels.size, 0)
  assert.deepEqual(client.pushes.filter(({ pub }) => pub !== undefined).length, 500)
  for (let i = 0; i < 7; i++) assert.deepEqual(await client.ok('presence', { channel: `c${i}` }), { presence: {} })
})

test('a thousand clients that come, subscribe, and go as they like, leave nothing behind', async t => {
  const { backplane, flowing } = observed()
  const app = await buildApp(t, { channels: everything, backplane })
  app.realtime.onConnect(connection => connection.subscribe('inbox'))
  for (let round = 0; round < 50; round++) {
    await Promise.all(Array.from({ length: 20 }, async (_, i) => {
      const client = await ChannelClient.open(app)
      const last = client.reply(3)
      client.raw(`{"id":1,"connect":{"token":"alice"}}\n{"id":2,"subscribe":{"channel":"c${i % 3}","recover":true}}\n{"id":3,"subscribe":{"channel":"d"}}`)
      if (i % 4 === 0) await last
      if (i % 4 === 1) client.raw('nonsense')
      else client.client.socket.close()
      await client.closed
    }))
  }
  await until(() => app.realtime.connections.size === 0)
  const { channels, connections } = app.realtime.stats()
  assert.deepEqual({ channels, connections, flowing: flowing.size }, { channels: 0, connections: 0, flowing: 0 })
  for (const channel of ['inbox', 'c0', 'c1', 'c2', 'd']) assert.deepEqual(await backplane.presence.list(channel), [], channel)
})

test('clients that are cut off over TCP, at any point, leave nothing behind', async t => {
  const { backplane, flowing } = observed()
  const app = await buildApp(t, { channels: everything, backplane, auth: { authenticate: async id => { await new Promise(resolve => setImmediate(resolve)); return { id, permissions: ['*'] } } } })
  app.realtime.onConnect(async connection => {
    await connection.subscribe('inbox')
    await new Promise(resolve => setImmediate(resolve))
  })
  const base = await listen(app)
  for (let round = 0; round < 10; round++) {
    await Promise.all(Array.from({ length: 20 }, async (_, i) => {
      const client = await ChannelClient.dial(base)
      client.raw('{"id":1,"connect":{"token":"alice"}}\n{"id":2,"subscribe":{"channel":"c"}}')
      client.raw(Array.from({ length: 30 }, (_, n) => `{"id":${n + 3},"publish":{"channel":"c","data":1}}`).join('\n'))
      for (let turns = 0; turns < i; turns++) await new Promise(resolve => setImmediate(resolve))
      client.client.socket.terminate()
      await client.closed
    }))
  }
  await until(() => app.realtime.connections.size === 0 && app.websocketServer.clients.size === 0)
  assert.deepEqual([app.realtime.stats().channels, flowing.size], [0, 0])
  for (const channel of ['inbox', 'c']) assert.deepEqual(await backplane.presence.list(channel), [], channel)
})
