import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { Type } from '@sinclair/typebox'
import type { DisconnectedContext, ErrorContext, JoinContext, ServerPublicationContext, ServerSubscribedContext, SubscribedContext } from 'centrifuge'
import type { ChannelsOptions, Principal } from '../../src/index.ts'
import { authenticate, buildApp, listen } from '../helpers/app.ts'
import { next, ReferenceClient } from '../helpers/centrifuge.ts'
import { connect } from '../helpers/client.ts'
import { until } from '../helpers/until.ts'

const channels: ChannelsOptions = {
  namespaces: {
    chat: { history: { size: 100, ttl: 60_000 }, presence: true, joinLeave: true },
    price: { history: { size: 1, ttl: 60_000 }, mode: 'cache' },
    plain: {}
  },
  maxChannelsPerConnection: 250
}

test('connect, subscribe, publish, presence, history and rpc, as the reference client knows them', async t => {
  const app = await buildApp(t, {
    channels,
    routes: app => app.realtime.rpc('add', { params: Type.Object({ a: Type.Number(), b: Type.Number() }) }, (connection, { a, b }) => ({ sum: a + b, for: connection.principal.id }))
  })
  const base = await listen(app)
  const alice = await new ReferenceClient(t, base).connect()
  const sub = await alice.subscribe('chat:1', { joinLeave: true })
  const joined: unknown[] = []
  sub.subscription.on('join', ({ info }: JoinContext) => joined.push(info))
  const other = await new ReferenceClient(t, base).connect()
  await other.subscribe('chat:1')
  await until(() => joined.length === 2)
  assert.deepEqual(joined, [alice, other].map(({ id }) => ({ client: id, user: 'alice' })), 'of its own join too')
  await sub.subscription.publish({ text: 'one' })
  await app.realtime.publish('chat:1', 'two')
  await sub.count(2)
  assert.deepEqual(sub.publications.map(({ data, offset, info }) => [data, offset, info?.client]), [[{ text: 'one' }, 1, alice.id], ['two', 2, undefined]])
  assert.deepEqual(Object.keys((await sub.subscription.presence()).clients).sort(), [alice.id, other.id].sort())
  assert.deepEqual(await sub.subscription.presenceStats(), { numClients: 2, numUsers: 1 })
  const { publications, offset } = await sub.subscription.history({ limit: 10 })
  assert.deepEqual([publications.map(({ data }) => data), offset], [[{ text: 'one' }, 'two'], 2])
  assert.deepEqual((await alice.client.rpc('add', { a: 1, b: 2 })).data, { sum: 3, for: 'alice' })
  await assert.rejects(alice.client.rpc('add', { a: '1', b: 2 }), { code: 107 })
  await assert.rejects(alice.client.rpc('nothing', {}), { code: 104 })
})

test('a subscription that is not permitted ends for good; one that is tells where it stands', async t => {
  const app = await buildApp(t, { channels: { defaults: {} } })
  const base = await listen(app)
  const client = await new ReferenceClient(t, base, { token: 'listener' }).connect()
  const news = await client.subscribe('news')
  assert.equal(news.subscription.state, 'subscribed')
  const forbidden = client.client.newSubscription('secret')
  const ended = next<{ code: number }>(forbidden, 'unsubscribed')
  forbidden.subscribe()
  assert.equal((await ended).code, 103)
  await assert.rejects(news.subscription.publish('x'), { code: 103 })
  await assert.rejects(news.subscription.presence(), { code: 108 })
})

test('a client whose token has expired gets a new one, and its connection is refreshed in band', async t => {
  let made = 0
  const app = await buildApp(t, {
    auth: {
      authenticate (token): Principal {
        if (token === 'old') throw Object.assign(new Error('too old'), { code: 'FAST_JWT_EXPIRED' })
        return { id: 'alice', permissions: ['*'], expiresAt: Date.now() + 1_000 }
      }
    }
  })
  const base = await listen(app)
  const client = new ReferenceClient(t, base, { token: 'old', getToken: async () => `new ${++made}` })
  const errors: ErrorContext[] = []
  client.client.on('error', context => errors.push(context))
  await client.connect()
  assert.deepEqual(errors.map(({ error }) => error.code), [109])
  const { id } = client
  await until(() => made >= 3)
  assert.equal(client.id, id, 'it is the same connection')
  assert.ok(app.realtime.connections.get(id))
})

test('a bad token stops the client', async t => {
  const app = await buildApp(t)
  const client = new ReferenceClient(t, await listen(app), { token: 'nobody knows it' })
  const disconnected = next<DisconnectedContext>(client.client, 'disconnected')
  client.client.connect()
  assert.equal((await disconnected).code, 3500)
})

test('after a restart of the server the client is back, and is told that its position is gone', async t => {
  const options = { channels }
  const first = await buildApp(t, options)
  const base = await listen(first)
  const client = await new ReferenceClient(t, base).connect()
  const sub = await client.subscribe('chat:1')
  await first.realtime.publish('chat:1', 'before')
  await sub.count(1)
  const connecting = next<{ code: number }>(client.client, 'connecting')
  await first.close()
  assert.equal((await connecting).code, 3001)
  const again = next<SubscribedContext>(sub.subscription, 'subscribed')
  const second = await buildApp(t, options)
  await second.listen({ port: Number(new URL(base).port), host: '127.0.0.1' })
  const { wasRecovering, recovered } = await again
  assert.deepEqual([wasRecovering, recovered], [true, false])
  await second.realtime.publish('chat:1', 'after')
  await sub.count(2)
  assert.deepEqual(sub.data, ['before', 'after'])
})

test('200 subscriptions in one go, each gets what is its own, also after a drop', async t => {
  const app = await buildApp(t, { channels })
  const base = await listen(app)
  const client = await new ReferenceClient(t, base).connect()
  const names = Array.from({ length: 200 }, (_, n) => `chat:${n}`)
  const subs = await Promise.all(names.map(name => client.subscribe(name)))
  for (const name of names) await app.realtime.publish(name, name)
  client.drop()
  await until(() => app.realtime.connections.size === 0)
  for (const name of names) await app.realtime.publish(name, `${name} again`)
  await Promise.all(subs.map(sub => sub.count(2)))
  assert.deepEqual(subs.map(({ data }) => data), names.map(name => [name, `${name} again`]))
})

test('subscribing and unsubscribing over and over leaves nothing behind', async t => {
  const app = await buildApp(t, { channels })
  const client = await new ReferenceClient(t, await listen(app)).connect()
  for (let round = 0; round < 200; round++) {
    const { subscription } = await client.subscribe(`chat:${round % 3}`)
    subscription.unsubscribe()
    client.client.removeSubscription(subscription)
  }
  await client.client.rpc('sync', {}).catch(() => {})
  assert.equal(app.realtime.stats().channels, 0)
  await app.realtime.publish('chat:0', 'x')
  const { subscription, data } = await client.subscribe('chat:0')
  assert.deepEqual([Object.keys((await subscription.presence()).clients), data], [[client.id], []])
})

test('unsubscribing in between command and reply leaves nothing, and subscribing again works', async t => {
  const app = await buildApp(t, { channels })
  const client = await new ReferenceClient(t, await listen(app)).connect()
  const subscription = client.client.newSubscription('chat:1')
  for (let round = 0; round < 20; round++) {
    subscription.subscribe()
    if (round % 2 === 0) await turn()
    subscription.unsubscribe()
  }
  subscription.subscribe()
  await subscription.ready(10_000)
  assert.equal(app.realtime.connections.in('chat:1').size, 1)
  subscription.unsubscribe()
  await client.client.rpc('sync', {}).catch(() => {})
  assert.equal(app.realtime.connections.in('chat:1').size, 0)
})

test('the server subscribes, publishes, sends, unsubscribes and disconnects, and the client hears of each', async t => {
  const app = await buildApp(t, { channels, routes: app => app.realtime.onConnect(connection => { connection.subscribe('chat:own') }) })
  const client = new ReferenceClient(t, await listen(app))
  const heard: unknown[] = []
  client.client.on('subscribed', ({ channel, recovered }: ServerSubscribedContext) => heard.push(['subscribed', channel, recovered]))
  client.client.on('publication', ({ channel, data }: ServerPublicationContext) => heard.push(['publication', channel, data]))
  client.client.on('unsubscribed', ({ channel }) => heard.push(['unsubscribed', channel]))
  client.client.on('message', ({ data }) => heard.push(['message', data]))
  await client.connect()
  const connection = app.realtime.connections.get(client.id)!
  await app.realtime.publish('chat:own', 1)
  await connection.subscribe('chat:more')
  await app.realtime.publish('chat:more', 2)
  await connection.unsubscribe('chat:more')
  await app.realtime.publish('chat:more', 'not heard')
  connection.send('hello')
  app.realtime.broadcast('all')
  await until(() => heard.length === 7)
  client.drop()
  await until(() => app.realtime.connections.size === 0)
  await app.realtime.publish('chat:own', 3)
  await until(() => heard.length === 9)
  assert.deepEqual(heard, [
    ['subscribed', 'chat:own', false], ['publication', 'chat:own', 1], ['subscribed', 'chat:more', false], ['publication', 'chat:more', 2],
    ['unsubscribed', 'chat:more'], ['message', 'hello'], ['message', 'all'], ['subscribed', 'chat:own', true], ['publication', 'chat:own', 3]
  ])
  const disconnected = next<DisconnectedContext>(client.client, 'disconnected')
  await app.realtime.disconnect('alice')
  assert.equal((await disconnected).code, 3503)
})

test('in the mode cache a new subscriber gets the latest publication, and one that has it gets nothing', async t => {
  const app = await buildApp(t, { channels })
  const base = await listen(app)
  for (const price of [1, 2, 3]) await app.realtime.publish('price:x', price)
  const client = await new ReferenceClient(t, base).connect()
  const sub = await client.subscribe('price:x')
  await sub.count(1)
  client.drop()
  await next(sub.subscription, 'subscribed')
  await app.realtime.publish('price:x', 4)
  await sub.count(2)
  assert.deepEqual(sub.data, [3, 4])
})

test('raw and channel clients share one channel space, each in its form', async t => {
  const app = await buildApp(t, { channels })
  const base = await listen(app)
  const raw = await connect(`${base}/ws/broadcast?channel=plain:1`)
  const client = await new ReferenceClient(t, base).connect()
  const sub = await client.subscribe('plain:1')
  raw.send('text from raw')
  await sub.subscription.publish({ from: 'channels' })
  await sub.subscription.publish('a string')
  await app.realtime.publish('plain:1', [1])
  await sub.count(4)
  assert.deepEqual(sub.data, ['text from raw', { from: 'channels' }, 'a string', [1]])
  assert.deepEqual(await raw.take(3), ['{"from":"channels"}', 'a string', '[1]'])
  const disconnected = next<DisconnectedContext>(client.client, 'disconnected')
  raw.send(Buffer.from([1, 2]))
  assert.equal((await disconnected).code, 3506)
})

test('the token of the handshake will do', async t => {
  const app = await buildApp(t, { auth: { authenticate, tokenFrom: ['query'] } })
  const base = await listen(app)
  const client = await new ReferenceClient(t, base, { token: '', query: '?token=bob' }).connect()
  assert.equal(app.realtime.connections.get(client.id)!.principal.id, 'bob')
})

test('a server-side subscription that is made late begins now: its position is the top, in every mode', async t => {
  const app = await buildApp(t, { channels })
  const client = await new ReferenceClient(t, await listen(app)).connect()
  const heard: unknown[] = []
  client.client.on('subscribed', ({ channel, streamPosition }: ServerSubscribedContext) => heard.push([channel, streamPosition?.offset]))
  client.client.on('publication', ({ channel, data, offset }: ServerPublicationContext) => heard.push([channel, data, offset]))
  for (const n of [1, 2]) for (const channel of ['chat:late', 'price:late']) await app.realtime.publish(channel, n)
  const connection = app.realtime.connections.get(client.id)!
  await connection.subscribe('chat:late')
  await connection.subscribe('price:late')
  await app.realtime.publish('chat:late', 3)
  await until(() => heard.length === 4)
  assert.deepEqual(heard, [['chat:late', 2], ['price:late', 2], ['price:late', 2, 2], ['chat:late', 3, 3]])
  client.drop()
  await until(() => app.realtime.connections.size === 0)
  await app.realtime.publish('chat:late', 4)
  await until(() => app.realtime.connections.size === 1)
  // Nothing is claimed to have been recovered that was not.
  await [...app.realtime.connections][0]!.subscribe('chat:late')
  await until(() => heard.length === 5)
  assert.deepEqual(heard[4], ['chat:late', 4])
})

test('getState is asked again when a position is gone', async t => {
  const app = await buildApp(t, { channels: { defaults: { history: { size: 2, ttl: 60_000 } } } })
  const base = await listen(app)
  const top = (await app.realtime.publish('a', 0)).position!
  const client = await new ReferenceClient(t, base).connect()
  const asked: number[] = []
  const sub = await client.subscribe('a', {
    async getState () {
      asked.push(asked.length)
      return asked.length === 1 ? top : (await app.realtime.publish('a', 'new state')).position!
    }
  })
  client.drop()
  await until(() => app.realtime.connections.size === 0)
  for (let n = 1; n <= 5; n++) await app.realtime.publish('a', n)
  await until(() => asked.length === 2)
  await app.realtime.publish('a', 'live')
  await sub.count(1)
  assert.deepEqual(sub.data, ['live'])
})
