import assert from 'node:assert/strict'
import { test } from 'node:test'
import { authenticate, buildApp, listen } from '../helpers/app.ts'
import { ChannelClient, type Pub } from '../helpers/channel-client.ts'
import { stopClock } from '../helpers/clock.ts'
import { until } from '../helpers/until.ts'

const GRACE = 25_000

test('a connection whose credentials have expired is told when, and ends 25 s later with 3005', async t => {
  const { start, pass } = stopClock(t)
  const app = await buildApp(t, { heartbeat: false, auth: { authenticate: id => ({ id, permissions: ['*'], expiresAt: start + 60_000 }) } })
  const client = await ChannelClient.open(app)
  const { expires, ttl } = await client.ok('connect', { token: 'alice' })
  assert.deepEqual([expires, ttl], [true, 60])
  await client.ok('subscribe', { channel: 'a' })
  pass(60_000 + GRACE - 1_000)
  await client.roundTrip()
  pass(1_001)
  assert.deepEqual(await client.closed, { code: 3005, reason: 'connection expired' })
  await until(() => app.realtime.connections.size === 0)
  assert.equal(app.realtime.stats().channels, 0)
})

test('a refresh moves the end, or takes it away, and it may come within the grace', async t => {
  const { start, pass } = stopClock(t)
  const ends: Record<string, number> = { first: start + 60_000, second: start + 200_000 }
  const app = await buildApp(t, { heartbeat: false, auth: { authenticate: token => ({ id: 'alice', permissions: ['*'], ...(token in ends && { expiresAt: ends[token]! }) }) } })
  const client = await ChannelClient.join(app, 'first')
  pass(60_000 + GRACE - 1_000)
  assert.deepEqual(Object.entries(await client.ok('refresh', { token: 'second' })).filter(([key]) => key !== 'client'), [['version', '0.1.0'], ['expires', true], ['ttl', 116]])
  pass(2_000)
  assert.equal((await client.ok('refresh', { token: 'for ever' })).expires, undefined)
  pass(10_000_000)
  await client.roundTrip()
})

test('a refresh with a token of somebody else, or a wrong one, is 3500; with an expired one it is 109, and the connection goes on', async t => {
  const app = await buildApp(t, {
    auth: {
      authenticate (token) {
        if (token === 'expired') throw new Error('jwt expired')
        return authenticate(token)
      }
    }
  })
  for (const token of ['bob', 'wrong', '']) {
    const client = await ChannelClient.join(app)
    client.raw(JSON.stringify({ id: 9, refresh: { token } }))
    assert.deepEqual(await client.closed, { code: 3500, reason: 'invalid token' }, token)
  }
  const client = await ChannelClient.join(app)
  assert.equal(await client.code('refresh', { token: 'expired' }), 109)
  assert.equal(await client.code('refresh', {}), 107)
  await client.ok('refresh', { token: 'alice' })
  assert.deepEqual([...app.realtime.connections.ofPrincipal('alice')].length, 1)
})

test('a subscription whose grant has ended is taken away with 2501, 25 s later, and may be had again', async t => {
  const { start, pass } = stopClock(t)
  let expiresAt = start + 10_000
  const app = await buildApp(t, { heartbeat: false, auth: { authenticate, authorize: () => ({ expiresAt }) }, channels: { defaults: { presence: true } } })
  const client = await ChannelClient.join(app)
  assert.equal((await client.ok('subscribe', { channel: 'a' })).ttl, 10)
  pass(10_000 + GRACE - 1_000)
  await client.roundTrip()
  assert.deepEqual(client.pushes, [])
  pass(1_001)
  assert.deepEqual(await client.push(), { channel: 'a', unsubscribe: { code: 2501, reason: 'subscription expired' } })
  assert.equal(app.realtime.stats().channels, 0)
  expiresAt = Date.now() + 5_000
  assert.equal((await client.ok('subscribe', { channel: 'a' })).ttl, 5)
})

test('sub_refresh moves the end of a subscription, with a token that authorize sees', async t => {
  const { start, pass } = stopClock(t)
  const app = await buildApp(t, {
    heartbeat: false,
    auth: {
      authenticate,
      authorize (_principal, _action, _channel, { token }) {
        if (token === 'old') throw new Error('expired')
        return token === undefined ? { expiresAt: start + 10_000 } : token === 'good' ? { expiresAt: start + 100_000 } : token === 'for ever'
      }
    }
  })
  const client = await ChannelClient.join(app)
  await client.ok('subscribe', { channel: 'a' })
  pass(20_000)
  assert.equal(await client.code('sub_refresh', { channel: 'a', token: 'old' }), 109)
  assert.equal(await client.code('sub_refresh', { channel: 'a', token: 'forged' }), 103)
  assert.deepEqual(await client.ok('sub_refresh', { channel: 'a', token: 'good' }), { expires: true, ttl: 80 })
  assert.equal(await client.code('sub_refresh', { channel: 'elsewhere', token: 'good' }), 103)
  pass(100_000)
  await client.roundTrip()
  assert.deepEqual(client.pushes, [])
  assert.deepEqual(await client.ok('sub_refresh', { channel: 'a', token: 'for ever' }), {})
  pass(10_000_000)
  await client.roundTrip()
  assert.deepEqual(client.pushes, [])
  assert.equal(app.realtime.stats().channels, 1)
})

test('what others see of a client is what its last refresh brought', async t => {
  const app = await buildApp(t, {
    channels: { defaults: { presence: true } },
    auth: {
      authenticate: name => ({ id: 'alice', permissions: ['*'], info: { name } }),
      authorize: (_principal, _action, channel, { token }) => channel === 'b' || { info: { seat: token } }
    }
  })
  const client = await ChannelClient.join(app, 'Alice')
  for (const channel of ['a', 'b']) await client.ok('subscribe', { channel, token: 'front' })
  const infos = async () => await Promise.all(['a', 'b'].map(async channel => {
    const [{ conn_info: conn, chan_info: chan }] = Object.values((await client.ok('presence', { channel })).presence!) as [NonNullable<Pub['info']>]
    await client.ok('publish', { channel, data: 1 })
    assert.deepEqual((await client.push()).pub!.info, { user: 'alice', client: [...app.realtime.connections][0]!.id, conn_info: conn, ...(chan !== undefined && { chan_info: chan }) })
    return [conn, chan]
  }))
  assert.deepEqual(await infos(), [[{ name: 'Alice' }, { seat: 'front' }], [{ name: 'Alice' }, undefined]])
  await client.ok('refresh', { token: 'Alicia' })
  await client.ok('sub_refresh', { channel: 'a', token: 'back' })
  assert.deepEqual(await infos(), [[{ name: 'Alicia' }, { seat: 'back' }], [{ name: 'Alicia' }, undefined]])
})

test('who has unsubscribed is not told of an end of a subscription that it does not have', async t => {
  const { start, pass } = stopClock(t)
  const app = await buildApp(t, { heartbeat: false, auth: { authenticate, authorize: (_principal, _action, channel) => channel === 'a' ? { expiresAt: start + 10_000 } : true } })
  const client = await ChannelClient.join(app)
  await client.ok('subscribe', { channel: 'a' })
  await client.ok('unsubscribe', { channel: 'a' })
  pass(10_000_000)
  await client.roundTrip()
  assert.deepEqual(client.pushes, [])
})

test('an idle client is pinged, its answer counts, and without one it ends with 3012, gone even if it never says goodbye', async t => {
  const app = await buildApp(t, { channels: { ping: 20 }, closeTimeout: 50 })
  const lively = await ChannelClient.join(app)
  const quiet = await ChannelClient.join(app, 'bob', { pongs: false })
  assert.deepEqual(await quiet.closed, { code: 3012, reason: 'no pong' })
  assert.ok(quiet.pings >= 1)
  await until(() => lively.pings >= 10)
  const [connection] = app.realtime.connections
  assert.equal(connection!.principal.id, 'alice')
  assert.ok(connection!.latency! >= 0)
  await lively.roundTrip()
})

test('a peer that reads nothing any more is 3012 too, and dropped where it does not answer the goodbye', async t => {
  const app = await buildApp(t, { channels: { ping: 20 }, heartbeat: { timeout: 20 }, closeTimeout: 50 })
  const base = await listen(app)
  const deaf = await ChannelClient.dial(base)
  await deaf.ok('connect', { token: 'alice' })
  deaf.client.socket.pause()
  await until(() => app.websocketServer.clients.size === 0 && app.realtime.connections.size === 0)
  assert.equal(app.realtime.stats().heartbeatTimeouts, 1)
  deaf.client.socket.resume()
  assert.equal((await deaf.closed).code, 3012)
})
