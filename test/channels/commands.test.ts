import assert from 'node:assert/strict'
import { test } from 'node:test'
import { authenticate, buildApp } from '../helpers/app.ts'
import { ChannelClient } from '../helpers/channel-client.ts'
import { inject } from '../helpers/client.ts'
import { until } from '../helpers/until.ts'

const history = { size: 3, ttl: 60_000 }

test('what is published reaches every subscriber, the publisher too, with who published it', async t => {
  const app = await buildApp(t, { auth: { authenticate: token => ({ id: token, permissions: ['*'], ...(token === 'alice' && { info: { name: 'A' } }) }) } })
  const [alice, bob] = await Promise.all(['alice', 'bob'].map(token => ChannelClient.join(app, token)))
  assert.deepEqual(await alice!.ok('subscribe', { channel: 'a' }), { recoverable: false, positioned: false, epoch: '', offset: 0 })
  await bob!.ok('subscribe', { channel: 'a' })
  const values = [{ a: [1, null] }, 'text', '', 0, null, false, [], 'ö\u2028\ud800"\\']
  for (const data of values) assert.deepEqual(await alice!.ok('publish', { channel: 'a', data }), {})
  assert.deepEqual(await bob!.data(values.length), values)
  assert.deepEqual(await alice!.data(values.length), values)
  const stranger = await ChannelClient.join(app, 'carol')
  await stranger.ok('publish', { channel: 'a', data: 1 })
  const [member] = [...app.realtime.connections.ofPrincipal('carol')]
  assert.deepEqual(await bob!.push(), { channel: 'a', pub: { data: 1, info: { user: 'carol', client: member!.id } } })
  await alice!.ok('publish', { channel: 'a', data: 2 })
  await bob!.push()
  assert.deepEqual((await alice!.push(), await alice!.push()).pub!.info!.conn_info, { name: 'A' })
})

test('who has unsubscribed gets nothing more, and may subscribe again; who was not there may unsubscribe', async t => {
  const app = await buildApp(t)
  const client = await ChannelClient.join(app)
  await client.ok('subscribe', { channel: 'a' })
  assert.deepEqual(await client.ok('unsubscribe', { channel: 'a' }), {})
  await client.ok('publish', { channel: 'a', data: 1 })
  assert.deepEqual(await client.ok('unsubscribe', { channel: 'a' }), {})
  assert.equal(app.realtime.stats().channels, 0)
  await client.ok('subscribe', { channel: 'a' })
  await client.ok('publish', { channel: 'a', data: 2 })
  assert.deepEqual(await client.data(1), [2])
})

test('to subscribe twice is error 105, and does no harm to the first', async t => {
  const app = await buildApp(t)
  const client = await ChannelClient.join(app)
  await client.ok('subscribe', { channel: 'a' })
  assert.deepEqual(await client.error('subscribe', { channel: 'a' }), { code: 105, message: 'already subscribed' })
  await client.ok('publish', { channel: 'a', data: 1 })
  assert.deepEqual(await client.data(1), [1])
  await client.roundTrip()
  assert.deepEqual(client.pushes, [])
})

test('beyond maxChannelsPerConnection it is error 106, until one is left', async t => {
  const app = await buildApp(t, { channels: { maxChannelsPerConnection: 2 } })
  const client = await ChannelClient.join(app)
  for (const channel of ['a', 'b']) await client.ok('subscribe', { channel })
  assert.deepEqual(await client.error('subscribe', { channel: 'c' }), { code: 106, message: 'limit exceeded' })
  assert.equal(await client.code('subscribe', { channel: 'a' }), 105)
  await client.ok('unsubscribe', { channel: 'a' })
  await client.ok('subscribe', { channel: 'c' })
})

test('a refused subscription takes no place among those that a connection may have', async t => {
  const app = await buildApp(t, { channels: { maxChannelsPerConnection: 1 }, auth: { authenticate, authorize: (_principal, _action, channel) => channel === 'yes' } })
  const client = await ChannelClient.join(app)
  for (let i = 0; i < 3; i++) assert.equal(await client.code('subscribe', { channel: `no${i}` }), 103)
  await client.ok('subscribe', { channel: 'yes' })
})

test('with namespaces, a channel of another one is error 102 whatever the command, and its options are those of its own', async t => {
  const app = await buildApp(t, { channels: { namespaces: { chat: { history, presence: true }, '': {} } } })
  const client = await ChannelClient.join(app)
  for (const method of ['subscribe', 'publish', 'presence', 'presence_stats', 'history']) {
    for (const channel of ['other', 'other:a', ':a', 'Chat:a', '__proto__:a', 'constructor:x', 'toString']) {
      const isKnown = !channel.includes(':') || channel.startsWith(':')
      const { code } = (await client.call(method, { channel, data: 1 })).error ?? { code: undefined }
      assert.equal(code === 102, !isKnown, `${method} ${channel}: ${code}`)
    }
  }
  assert.equal((await client.ok('subscribe', { channel: 'chat:a' })).recoverable, true)
  assert.equal(await client.code('presence', { channel: 'plain' }), 108)
  const strict = await buildApp(t, { channels: { namespaces: { chat: {} } } })
  const other = await ChannelClient.join(strict)
  assert.deepEqual(await other.error('subscribe', { channel: 'chat' }), { code: 102, message: 'unknown channel' })
})

test('a channel without history or presence says 108 to those who ask for them', async t => {
  const app = await buildApp(t)
  const client = await ChannelClient.join(app)
  for (const method of ['presence', 'presence_stats', 'history']) assert.deepEqual(await client.error(method, { channel: 'a' }), { code: 108, message: 'not available' })
  assert.equal(await client.code('subscribe', { channel: 'a', type: 1 }), 108)
  assert.equal(await client.code('subscribe', { channel: 'a', tf: {} }), 108)
  assert.equal(app.realtime.stats().channels, 0)
})

test('who asked for it with flag 1 gets a number with the reply, and pushes that carry it instead of the name', async t => {
  const app = await buildApp(t)
  const [numbered, named] = await Promise.all([ChannelClient.join(app), ChannelClient.join(app)])
  const { id: a } = await numbered.ok('subscribe', { channel: 'a', flag: 1 })
  const { id: b } = await numbered.ok('subscribe', { channel: 'b', flag: 3 })
  assert.ok(Number.isInteger(a) && Number.isInteger(b) && a! > 0 && b! > 0 && a !== b)
  assert.equal((await named.ok('subscribe', { channel: 'a', flag: 2 })).id, undefined)
  await app.realtime.publish('a', 1)
  await app.realtime.publish('b', 2)
  assert.deepEqual([await numbered.push(), await numbered.push()], [{ id: a, pub: { data: 1 } }, { id: b, pub: { data: 2 } }])
  assert.deepEqual(await named.push(), { channel: 'a', pub: { data: 1 } })
  await numbered.ok('unsubscribe', { channel: 'a' })
  assert.equal((await numbered.ok('subscribe', { channel: 'a', flag: 0 })).id, undefined)
  await app.realtime.publish('a', 3)
  assert.deepEqual(await numbered.push(), { channel: 'a', pub: { data: 3 } })
})

test('presence tells who is there, and presence_stats how many connections of how many users', async t => {
  const app = await buildApp(t, { channels: { defaults: { presence: true } }, auth: { authenticate: token => ({ id: token, permissions: ['*'], info: { token } }) } })
  const clients = await Promise.all(['alice', 'alice', 'bob'].map(token => ChannelClient.join(app, token)))
  for (const client of clients) await client.ok('subscribe', { channel: 'a' })
  const outsider = await ChannelClient.join(app, 'carol')
  const { presence } = await outsider.ok('presence', { channel: 'a' })
  const ids = (id: string) => [...app.realtime.connections.ofPrincipal(id)].map(connection => connection.id)
  const expected = ['alice', 'bob'].flatMap(user => ids(user).map(client => [client, { user, client, conn_info: { token: user } }]))
  assert.deepEqual(presence, Object.fromEntries(expected))
  assert.deepEqual(await outsider.ok('presence_stats', { channel: 'a' }), { num_clients: 3, num_users: 2 })
  await clients[0]!.ok('unsubscribe', { channel: 'a' })
  await clients[2]!.close()
  await until(() => app.realtime.connections.size === 3)
  assert.deepEqual(Object.keys((await outsider.ok('presence', { channel: 'a' })).presence!), ids('alice').slice(1))
  assert.deepEqual(await outsider.ok('presence_stats', { channel: 'empty' }), { num_clients: 0, num_users: 0 })
})

test('joins and leaves are told to those who asked for them, and to nobody else', async t => {
  const app = await buildApp(t, { channels: { defaults: { joinLeave: true } } })
  const [watcher, other, guest] = await Promise.all(['alice', 'alice', 'bob'].map(token => ChannelClient.join(app, token)))
  app.realtime.connections.ofPrincipal('bob')
  await watcher!.ok('subscribe', { channel: 'a', join_leave: true })
  await other!.ok('subscribe', { channel: 'a' })
  assert.equal(await guest!.code('subscribe', { channel: 'a' }), 103)
  const third = await ChannelClient.join(app)
  await third.ok('subscribe', { channel: 'a' })
  await third.ok('unsubscribe', { channel: 'a' })
  await other!.close()
  const told: string[] = []
  for (let i = 0; i < 5; i++) {
    const { channel, join, leave } = await watcher!.push()
    assert.equal(channel, 'a')
    told.push(`${join === undefined ? 'leave' : 'join'} ${(join ?? leave)!.info.user}`)
  }
  assert.deepEqual(told, ['join alice', 'join alice', 'join alice', 'leave alice', 'leave alice'])
  await third.roundTrip()
  assert.deepEqual([...other!.pushes, ...third.pushes], [])
})

test('where joinLeave is off, nobody hears of it, whatever they ask for', async t => {
  const app = await buildApp(t)
  const [watcher, other] = await Promise.all([ChannelClient.join(app), ChannelClient.join(app)])
  await watcher.ok('subscribe', { channel: 'a', join_leave: true })
  await other.ok('subscribe', { channel: 'a' })
  await other.close()
  await until(() => app.realtime.connections.size === 1)
  await watcher.roundTrip()
  assert.deepEqual(watcher.pushes, [])
})

test('send reaches onMessage without a reply; what it throws ends the connection with 3004, with an id or without', async t => {
  const app = await buildApp(t)
  const got: unknown[] = []
  app.realtime.onMessage(async (connection, data) => {
    got.push([connection.principal.id, data])
    if (data === 'fail') throw new Error('no')
  })
  const client = await ChannelClient.join(app)
  for (const data of ['1', '{"a":1}', '"fail"']) client.raw(`{"send":{"data":${data}}}`)
  assert.deepEqual(await client.closed, { code: 3004, reason: 'internal server error' })
  assert.deepEqual(got, [['alice', 1], ['alice', { a: 1 }], ['alice', 'fail']])
  assert.equal(app.logged.filter(({ level }) => Number(level) >= 50).length, 1)
  const sly = await ChannelClient.join(app)
  sly.raw('{"id":7,"send":{"data":"fail"}}')
  assert.equal((await sly.closed).code, 3004)
  assert.equal(app.realtime.stats().handlerErrors, 2)
})

test('send without onMessage is 3508', async t => {
  const app = await buildApp(t)
  const client = await ChannelClient.join(app)
  client.raw('{"send":{"data":1}}')
  assert.deepEqual(await client.closed, { code: 3508, reason: 'not available' })
})

test('a string goes as a JSON string to channel clients and as text to raw ones, and what raw ones say comes as a JSON string', async t => {
  const app = await buildApp(t)
  const client = await ChannelClient.join(app)
  const raw = await inject(app, '/ws/broadcast?channel=a')
  await client.ok('subscribe', { channel: 'a' })
  await client.ok('publish', { channel: 'a', data: 'text "1"' })
  await client.ok('publish', { channel: 'a', data: { a: 1 } })
  await app.realtime.publish('a', 'from the server')
  await app.realtime.publish('a', [1])
  assert.deepEqual(await raw.take(4), ['text "1"', '{"a":1}', 'from the server', '[1]'])
  assert.deepEqual(await client.data(4), ['text "1"', { a: 1 }, 'from the server', [1]])
  raw.send('{"not":"json, but text"}')
  assert.deepEqual(await client.push(), { channel: 'a', pub: { data: '{"not":"json, but text"}' } })
  assert.deepEqual(raw.unread, [])
})

test('bytes published into a channel end its channel clients with 3506, and raw ones get them', async t => {
  const app = await buildApp(t, { channels: { defaults: { history } } })
  const [client, numbered, elsewhere] = await Promise.all([ChannelClient.join(app), ChannelClient.join(app), ChannelClient.join(app)])
  const raw = await inject(app, '/ws/broadcast?channel=a')
  await client.ok('subscribe', { channel: 'a' })
  await numbered.ok('subscribe', { channel: 'a', flag: 1 })
  await elsewhere.ok('subscribe', { channel: 'b' })
  assert.deepEqual(await app.realtime.publish('a', Buffer.from([1, 2])), { delivered: 1 })
  assert.deepEqual(await client.closed, { code: 3506, reason: 'inappropriate protocol' })
  assert.equal((await numbered.closed).code, 3506)
  assert.deepEqual(await raw.next(), Buffer.from([1, 2]))
  assert.equal((await elsewhere.ok('history', { channel: 'a', limit: 10 })).publications!.length, 0)
})

test('one id after another, whatever it is, is the id of the reply', async t => {
  const app = await buildApp(t)
  const client = await ChannelClient.join(app)
  for (const id of [4_294_967_295, 7, 7, 1]) {
    const reply = client.reply(id)
    client.raw(`{"id":${id},"unsubscribe":{"channel":"a"}}`)
    assert.deepEqual(await reply, { id, unsubscribe: {} })
  }
})
