import assert from 'node:assert/strict'
import { test } from 'node:test'
import { authenticate, buildApp } from '../helpers/app.ts'
import { ChannelClient } from '../helpers/channel-client.ts'
import { inject } from '../helpers/client.ts'
import { until } from '../helpers/until.ts'

const history = { size: 10, ttl: 60_000 }

test('what onConnect returns is in the reply, and the channels it subscribed to, waited for or not, begin with it', async t => {
  const app = await buildApp(t, { channels: { defaults: { history, presence: true } } })
  app.realtime.onConnect(async (connection, data) => {
    await connection.subscribe('inbox')
    connection.subscribe('news')
    return { hello: connection.principal.id, data }
  })
  const client = await ChannelClient.open(app)
  const { data, subs, client: id } = await client.ok('connect', { token: 'nobody', data: { v: 1 } })
  assert.deepEqual(data, { hello: 'nobody', data: { v: 1 } })
  assert.deepEqual(Object.keys(subs!), ['inbox', 'news'])
  const { epoch } = subs!.inbox!
  assert.deepEqual(subs!.inbox, { recoverable: true, positioned: true, epoch, offset: 0 })
  await app.realtime.publish('inbox', 1)
  await app.realtime.publish('news', 2)
  assert.deepEqual(await client.data(2), [1, 2])
  assert.deepEqual([...app.realtime.connections.get(id!)!.channels], ['inbox', 'news'])
  const alice = await ChannelClient.open(app)
  await alice.ok('connect', { token: 'alice' })
  assert.equal((await alice.ok('presence_stats', { channel: 'inbox' })).num_clients, 2)
})

test('who comes back with positions in connect gets what it missed in the channels the server subscribes it to', async t => {
  const app = await buildApp(t, { channels: { defaults: { history } } })
  app.realtime.onConnect(connection => connection.subscribe('inbox'))
  const first = await ChannelClient.open(app)
  const { epoch, offset } = (await first.ok('connect', { token: 'alice' })).subs!.inbox!
  await first.close()
  for (let i = 1; i <= 3; i++) await app.realtime.publish('inbox', i)
  const back = await ChannelClient.open(app)
  const subs = { inbox: { recover: true, epoch, offset }, other: { recover: true, epoch: 'x', offset: 1 }, ['__proto__']: { recover: true } }
  const { subs: { inbox } = {}, ...rest } = await back.ok('connect', { token: 'alice', subs })
  assert.deepEqual(Object.keys(rest).includes('other'), false)
  assert.deepEqual([inbox!.recovered, inbox!.publications!.map(({ data }) => data)], [true, [1, 2, 3]])
  await app.realtime.publish('inbox', 4)
  assert.deepEqual(await back.push(), { channel: 'inbox', pub: { data: 4, offset: 4 } })
  const lost = await ChannelClient.open(app)
  const { subs: again } = await lost.ok('connect', { token: 'alice', subs: { inbox: { recover: true, epoch: 'gone', offset: 1 } } })
  assert.deepEqual([again!.inbox!.was_recovering, again!.inbox!.recovered, again!.inbox!.offset], [true, false, 4])
})

test('positions in connect are read as positions, and nothing else that stands beside them', async t => {
  const app = await buildApp(t, { channels: { defaults: { joinLeave: true } } })
  app.realtime.onConnect(connection => connection.subscribe('inbox'))
  const client = await ChannelClient.open(app)
  const { subs } = await client.ok('connect', { token: 'alice', subs: { inbox: { flag: 1, join_leave: true, positioned: true, channel: 'other', token: 'x' } } })
  assert.deepEqual(subs, { inbox: { recoverable: false, positioned: false, epoch: '', offset: 0 } })
  await app.realtime.publish('inbox', 1)
  assert.deepEqual(await client.push(), { channel: 'inbox', pub: { data: 1 } })
})

test('an onConnect that fails ends the connection with 3004, before any reply, and leaves no channel behind', async t => {
  const app = await buildApp(t)
  app.realtime.onConnect(async (connection, data) => {
    await connection.subscribe('a')
    if (data === 'circle') return { toJSON () { throw new Error('no') } }
    throw new Error('no')
  })
  for (const data of ['circle', 'throw']) {
    const client = await ChannelClient.open(app)
    client.raw(JSON.stringify({ id: 1, connect: { token: 'alice', data } }))
    assert.deepEqual(await client.closed, { code: 3004, reason: 'internal server error' })
    assert.deepEqual([client.strays, client.pushes], [[], []])
  }
  await until(() => app.realtime.connections.size === 0)
  assert.equal(app.realtime.stats().channels, 0)
})

test('a server that subscribes a client, and takes it out again, tells it so', async t => {
  const app = await buildApp(t, { channels: { defaults: { history } } })
  const client = await ChannelClient.join(app, 'nobody')
  const [connection] = app.realtime.connections
  await app.realtime.publish('a', 'before')
  await connection!.subscribe('a')
  await connection!.subscribe('a')
  const { subscribe, ...rest } = await client.push()
  assert.deepEqual(rest, { channel: 'a' })
  assert.deepEqual({ ...subscribe, epoch: typeof subscribe!.epoch }, { recoverable: true, positioned: true, epoch: 'string', offset: 1 })
  await app.realtime.publish('a', 1)
  assert.deepEqual(await client.push(), { channel: 'a', pub: { data: 1, offset: 2 } })
  assert.equal(await client.code('subscribe', { channel: 'a' }), 105)
  assert.equal(await client.code('sub_refresh', { channel: 'a', token: 'x' }), 103)
  await connection!.unsubscribe('a')
  await connection!.unsubscribe('a')
  assert.deepEqual(await client.push(), { channel: 'a', unsubscribe: { code: 2000, reason: 'server unsubscribe' } })
  await app.realtime.publish('a', 2)
  await client.roundTrip()
  assert.deepEqual(client.pushes, [])
  for (const channel of ['', 'a\n', '\ud800', 'x'.repeat(256)]) await assert.rejects(connection!.subscribe(channel), { code: 'FST_RT_INVALID_CHANNEL' })
})

test('the server may take a client out of a channel that it subscribed to by itself', async t => {
  const app = await buildApp(t)
  const client = await ChannelClient.join(app)
  await client.ok('subscribe', { channel: 'a' })
  const [connection] = app.realtime.connections
  await connection!.unsubscribe('a')
  assert.equal((await client.push()).unsubscribe!.code, 2000)
  await client.ok('subscribe', { channel: 'a' })
})

test('unsubscribed by the server between its request and the reply, a client is in no channel and is told so by an error', async t => {
  let allow = (): void => {}
  const app = await buildApp(t, {
    channels: { defaults: { presence: true, history } },
    auth: { authenticate, authorize: (_principal, action) => action !== 'subscribe' || new Promise<boolean>(resolve => { allow = () => resolve(true) }) }
  })
  const client = await ChannelClient.join(app)
  const [connection] = app.realtime.connections
  const reply = client.call('subscribe', { channel: 'a' })
  await new Promise(resolve => setImmediate(resolve))
  await connection!.unsubscribe('a')
  allow()
  assert.equal((await reply).error?.code, 103)
  await client.roundTrip()
  assert.deepEqual(client.pushes, [])
  assert.equal(app.realtime.stats().channels, 0)
  assert.equal((await client.ok('presence_stats', { channel: 'a' })).num_clients, 0)
})

test('subscribed by the server while its own request waits for authorize, a client is in the channel once', async t => {
  let allow = (): void => {}
  const app = await buildApp(t, { auth: { authenticate, authorize: () => new Promise<boolean>(resolve => { allow = () => resolve(true) }) } })
  const client = await ChannelClient.join(app)
  const [connection] = app.realtime.connections
  const reply = client.call('subscribe', { channel: 'a' })
  await new Promise(resolve => setImmediate(resolve))
  await connection!.unsubscribe('a')
  await connection!.subscribe('a')
  allow()
  assert.equal((await reply).error?.code, 103)
  assert.equal((await client.push()).channel, 'a')
  await app.realtime.publish('a', 1)
  assert.deepEqual(await client.push(), { channel: 'a', pub: { data: 1 } })
  await client.roundTrip()
  assert.deepEqual(client.pushes, [])
  await client.close()
  await until(() => app.realtime.stats().channels === 0)
})

test('send and broadcast are messages to channel clients; bytes are refused by one and left out by the other', async t => {
  const app = await buildApp(t)
  const client = await ChannelClient.join(app)
  const raw = await inject(app, '/ws/echo')
  const stranger = await ChannelClient.open(app)
  const connection = [...app.realtime.connections].find(({ route }) => route === 'channels')!
  assert.equal(connection.send('hi'), true)
  assert.equal(app.realtime.broadcast('all'), 2)
  assert.equal(app.realtime.broadcast('channels only', { route: 'channels' }), 1)
  assert.equal(app.realtime.broadcast(Buffer.from('bytes')), 1)
  assert.deepEqual(await raw.take(2), ['all', Buffer.from('bytes')])
  assert.deepEqual([await client.push(), await client.push(), await client.push()], ['hi', 'all', 'channels only'].map(data => ({ message: { data } })))
  assert.throws(() => connection.send(Buffer.from('bytes')), { code: 'FST_RT_INVALID_DATA' })
  await client.roundTrip()
  assert.deepEqual([client.pushes, stranger.pushes], [[], []])
})

test('nothing is pushed to a client before its connect reply, whatever onConnect does', async t => {
  const app = await buildApp(t)
  app.realtime.onConnect(async connection => {
    await connection.subscribe('a')
    connection.send('early')
    await app.realtime.publish('a', 1)
    app.realtime.broadcast('to all')
    await connection.unsubscribe('a')
    await connection.subscribe('b')
  })
  const client = await inject(app, '/ws/channels', { token: '' })
  client.send('{"id":1,"connect":{"token":"alice"}}')
  const first = JSON.parse(String(await client.next()))
  assert.deepEqual([first.id, Object.keys(first.connect?.subs ?? {})], [1, ['b']], JSON.stringify(first))
  assert.deepEqual(JSON.parse(String(await client.next())), { push: { message: { data: 'early' } } })
  await client.roundTrip()
  assert.deepEqual(client.unread, [])
})

test('a code of the application ends the connection as it is, and those of other routes by the words of the protocol', async t => {
  const app = await buildApp(t)
  const ends: ReadonlyArray<readonly [given: number | undefined, said: number, reason: string]> = [
    [undefined, 3503, 'force disconnect'], [1000, 3503, 'force disconnect'], [1001, 3001, 'shutdown'], [1008, 3507, 'permission denied'],
    [1011, 3004, 'internal server error'], [1012, 3011, 'force reconnect'], [1013, 3008, 'slow'], [4401, 3005, 'connection expired'], [4499, 4499, '']
  ]
  for (const [given, code, reason] of ends) {
    const client = await ChannelClient.join(app)
    const [connection] = app.realtime.connections
    connection!.close(given)
    assert.deepEqual(await client.closed, { code, reason })
    await until(() => app.realtime.connections.size === 0)
  }
  const client = await ChannelClient.join(app)
  await app.realtime.disconnect('alice', { code: 4444, reason: 'banned' })
  assert.deepEqual(await client.closed, { code: 4444, reason: 'banned' })
})
