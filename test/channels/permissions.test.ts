import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ChannelAction, Grant, Principal } from '../../src/index.ts'
import { authenticate, buildApp } from '../helpers/app.ts'
import { ChannelClient } from '../helpers/channel-client.ts'

const everything = { history: { size: 3, ttl: 60_000 }, presence: true }
const commands: ReadonlyArray<[method: string, action: ChannelAction]> = [
  ['subscribe', 'subscribe'], ['publish', 'publish'], ['presence', 'presence'], ['presence_stats', 'presence'], ['history', 'history']
]

test('each command needs a permission of its own, and error 103 says that one is missing', async t => {
  const app = await buildApp(t, {
    channels: { defaults: everything },
    auth: { authenticate: token => ({ id: token, permissions: token === 'none' ? [] : [`${token}:a`] }) }
  })
  for (const permission of ['subscribe', 'publish', 'presence', 'history', 'none']) {
    const client = await ChannelClient.join(app, permission)
    for (const [method, action] of commands) {
      const { error } = await client.call(method, { channel: 'a', data: 1 })
      assert.deepEqual(error, action === permission ? undefined : { code: 103, message: 'permission denied' }, `${permission}: ${method}`)
      assert.equal(await client.code(method, { channel: 'b', data: 1 }), 103)
    }
  }
})

test('the permission broadcast is for the raw route: it opens no channel here', async t => {
  const app = await buildApp(t)
  const bob = await ChannelClient.join(app, 'bob')
  assert.equal(await bob.code('subscribe', { channel: 'broadcast' }), 103)
  assert.equal(await bob.code('publish', { channel: 'broadcast', data: 1 }), 103)
})

test('authorize is asked once for each command, with the token of the subscription, and has the last word', async t => {
  const asked: unknown[] = []
  const app = await buildApp(t, {
    channels: { defaults: everything },
    auth: {
      authenticate,
      async authorize ({ id }, action, channel, context) {
        asked.push([id, action, channel, context])
        return context.token === 'ticket' || action === 'history'
      }
    }
  })
  const client = await ChannelClient.join(app, 'alice')
  await client.ok('subscribe', { channel: 'a', token: 'ticket' })
  assert.equal(await client.code('subscribe', { channel: 'b', token: 'forged' }), 103)
  assert.equal(await client.code('subscribe', { channel: 'b' }), 103)
  assert.equal(await client.code('publish', { channel: 'a', data: 1, token: 'ticket' }), 103)
  assert.equal(await client.code('presence', { channel: 'a' }), 103)
  await client.ok('history', { channel: 'a' })
  assert.deepEqual(asked, [
    ['alice', 'subscribe', 'a', { token: 'ticket' }], ['alice', 'subscribe', 'b', { token: 'forged' }], ['alice', 'subscribe', 'b', {}],
    ['alice', 'publish', 'a', {}], ['alice', 'presence', 'a', {}], ['alice', 'history', 'a', {}]
  ])
})

test('an authorize that throws is 103 and does not say why; one that says expired is 109', async t => {
  const app = await buildApp(t, {
    auth: {
      authenticate,
      authorize (_principal, _action, channel) {
        throw channel === 'old' ? Object.assign(new Error('x'), { code: 'ERR_JWT_EXPIRED' }) : new Error('db is down')
      }
    }
  })
  const client = await ChannelClient.join(app)
  assert.deepEqual(await client.error('subscribe', { channel: 'a' }), { code: 103, message: 'permission denied' })
  assert.deepEqual(await client.error('subscribe', { channel: 'old', token: 'x' }), { code: 109, message: 'token expired' })
  assert.equal(app.realtime.stats().channels, 0)
})

test('any value of authorize counts as yes or no', async t => {
  const answers: Record<string, unknown> = { zero: 0, empty: '', null: null, undefined, NaN, one: 1, text: 'no', object: {}, list: [] }
  const app = await buildApp(t, { auth: { authenticate, authorize: (_principal, _action, channel) => answers[channel] as boolean } })
  const client = await ChannelClient.join(app)
  for (const [channel, answer] of Object.entries(answers)) {
    const { error } = await client.call('subscribe', { channel })
    assert.equal(error?.code, answer ? undefined : 103, channel)
  }
})

test('a grant says for how long, and what others see: chan_info in presence, publications and joins', async t => {
  const app = await buildApp(t, {
    channels: { defaults: { presence: true, joinLeave: true } },
    auth: {
      authenticate: token => ({ id: token, permissions: [], info: { name: token } }),
      authorize: ({ id }, action): Grant => action === 'subscribe' ? { expiresAt: Date.now() + 90_000, info: { seat: id.length } } : {}
    }
  })
  const watcher = await ChannelClient.join(app, 'eve')
  await watcher.ok('subscribe', { channel: 'a', join_leave: true })
  await watcher.push()
  const client = await ChannelClient.join(app, 'alice')
  const { client: id } = { client: [...app.realtime.connections.ofPrincipal('alice')][0]!.id }
  const { expires, ttl } = await client.ok('subscribe', { channel: 'a' })
  assert.deepEqual([expires, ttl], [true, 90])
  const info = { user: 'alice', client: id, conn_info: { name: 'alice' }, chan_info: { seat: 5 } }
  assert.deepEqual((await watcher.push()).join, { info })
  assert.deepEqual((await client.ok('presence', { channel: 'a' })).presence![id], info)
  await client.ok('publish', { channel: 'a', data: 1 })
  assert.deepEqual((await watcher.push()).pub!.info, info)
  await client.ok('unsubscribe', { channel: 'a' })
  assert.deepEqual((await watcher.push()).leave, { info })
})

test('a grant that has ended already is 109, and an info that is not JSON is left out', async t => {
  const grants: Record<string, Grant> = { old: { expiresAt: 1 }, zero: { expiresAt: 0 }, strange: { info: 1n } }
  const app = await buildApp(t, { channels: { defaults: { presence: true } }, auth: { authenticate, authorize: (_principal, _action, channel) => grants[channel] ?? true } })
  const client = await ChannelClient.join(app)
  for (const channel of ['old', 'zero']) assert.equal(await client.code('subscribe', { channel }), 109)
  await client.ok('subscribe', { channel: 'strange' })
  const [info] = Object.values((await client.ok('presence', { channel: 'strange' })).presence!)
  assert.deepEqual(Object.keys(info!), ['user', 'client'])
  assert.equal(app.realtime.stats().channels, 1)
})

test('a grant whose end is no moment is 103, as an authorize that throws, and the log says why', async t => {
  const ends: Record<string, unknown> = { NaN, Infinity, text: 'tomorrow', null: null }
  const app = await buildApp(t, { auth: { authenticate, authorize: (_principal, _action, channel) => ({ expiresAt: ends[channel] }) as Grant } })
  const client = await ChannelClient.join(app)
  for (const channel of Object.keys(ends)) assert.equal(await client.code('subscribe', { channel }), 103, channel)
  assert.match(JSON.stringify(app.logged), /expiresAt is no number/)
})

test('subscribing, a client sees the permissions of its newest token', async t => {
  const rights: Record<string, Principal> = { before: { id: 'x', permissions: [] }, after: { id: 'x', permissions: ['subscribe:a'] } }
  const app = await buildApp(t, { auth: { authenticate: token => rights[token] ?? null } })
  const client = await ChannelClient.join(app, 'before')
  assert.equal(await client.code('subscribe', { channel: 'a' }), 103)
  await client.ok('refresh', { token: 'after' })
  await client.ok('subscribe', { channel: 'a' })
})
