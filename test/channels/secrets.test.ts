import assert from 'node:assert/strict'
import { test } from 'node:test'
import { authenticate, buildApp, listen } from '../helpers/app.ts'
import { ChannelClient } from '../helpers/channel-client.ts'

test('no token and no data of a client is in the log, whatever becomes of it', async t => {
  const app = await buildApp(t, {
    auth: {
      authenticate (token) {
        if (token.startsWith('s3cret-expired')) throw new Error('token expired')
        return token.startsWith('s3cret') ? { id: 'alice', permissions: ['*'] } : null
      },
      authorize (_principal, _action, channel, { token }) {
        if (channel === 'throws') throw new Error('no')
        return token === undefined || token.startsWith('s3cret')
      }
    }
  })
  app.realtime.rpc('fails', {}, () => { throw new Error('no') })
  app.realtime.onMessage(() => { throw new Error('no') })
  for (const request of [{ token: 'x-s3cret' }, { token: 's3cret-expired' }, { token: { s3cret: 1 } }]) {
    const client = await ChannelClient.open(app)
    client.raw(JSON.stringify({ id: 1, connect: { ...request, data: 's3cret' } }))
    client.raw('{"id":2,"connect":{}}')
    await client.closed
  }
  const client = await ChannelClient.join(app, 's3cret-1')
  await client.ok('refresh', { token: 's3cret-2' })
  await client.ok('subscribe', { channel: 'a', token: 's3cret-3' })
  await client.ok('sub_refresh', { channel: 'a', token: 's3cret-4' })
  assert.equal(await client.code('subscribe', { channel: 'throws', token: 's3cret-5' }), 103)
  assert.equal(await client.code('refresh', { token: 's3cret-expired' }), 109)
  assert.equal(await client.code('rpc', { method: 'fails', data: 's3cret' }), 100)
  await client.ok('publish', { channel: 'a', data: 's3cret' })
  client.raw('{"send":{"data":"s3cret"}}')
  await client.closed
  assert.ok(app.logged.length > 0)
  assert.ok(!JSON.stringify(app.logged).includes('s3cret'))
})

test('a page of another origin, and more sockets than there are places, do not get as far as connect', async t => {
  const app = await buildApp(t, { limits: { maxConnectionsPerIp: 1 } })
  const base = await listen(app)
  await assert.rejects(ChannelClient.dial(base, { headers: { origin: 'https://evil.example' } }), /403/)
  const stranger = await ChannelClient.dial(base)
  await assert.rejects(ChannelClient.dial(base), /429/)
  await stranger.ok('connect', { token: 'alice' })
})

test('one connection learns nothing of what others are in, say or may do', async t => {
  const app = await buildApp(t, { channels: { defaults: { history: { size: 5, ttl: 60_000 }, presence: true, joinLeave: true } }, auth: { authenticate } })
  const [alice, listener] = await Promise.all(['alice', 'listener'].map(token => ChannelClient.join(app, token)))
  await alice!.ok('subscribe', { channel: 'private' })
  await listener!.ok('subscribe', { channel: 'news', join_leave: true })
  await listener!.push()
  await alice!.ok('publish', { channel: 'private', data: 'secret' })
  for (const method of ['subscribe', 'publish', 'presence', 'presence_stats', 'history']) {
    assert.deepEqual(await listener!.error(method, { channel: 'private', data: 1, limit: 5, recover: true }), { code: 103, message: 'permission denied' })
  }
  await alice!.ok('unsubscribe', { channel: 'private' })
  await listener!.roundTrip()
  assert.deepEqual([listener!.pushes, listener!.strays], [[], []])
  assert.equal((await alice!.ok('history', { channel: 'private', limit: 5 })).publications!.length, 1)
})
