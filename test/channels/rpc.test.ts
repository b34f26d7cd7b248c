import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Type } from '@sinclair/typebox'
import { RpcError } from '../../src/index.ts'
import { buildApp } from '../helpers/app.ts'
import { ChannelClient } from '../helpers/channel-client.ts'

const errorLines = (logged: ReadonlyArray<Record<string, unknown>>) => logged.filter(({ level }) => Number(level) >= 50)

test('what a method returns is the reply, and it knows who calls it', async t => {
  const app = await buildApp(t)
  app.realtime.rpc('who', {}, ({ principal }) => principal.id)
  app.realtime.rpc('echo', {}, async (_connection, params) => params)
  app.realtime.rpc('', {}, () => 'the one without a name')
  const client = await ChannelClient.join(app)
  assert.deepEqual(await client.ok('rpc', { method: 'who' }), { data: 'alice' })
  for (const data of [null, 0, '', [], { a: { b: [1] } }]) assert.deepEqual(await client.ok('rpc', { method: 'echo', data }), { data })
  assert.deepEqual(await client.ok('rpc', { method: 'echo' }), {})
  assert.deepEqual(await client.ok('rpc', { data: 1 }), { data: 'the one without a name' })
})

test('without any method it is 108, and with methods an unknown one is 104, __proto__ and constructor too', async t => {
  const none = await buildApp(t)
  const client = await ChannelClient.join(none)
  assert.deepEqual(await client.error('rpc', { method: 'x' }), { code: 108, message: 'not available' })
  const app = await buildApp(t)
  app.realtime.rpc('x', {}, () => 1)
  const other = await ChannelClient.join(app)
  for (const method of ['y', 'X', '', '__proto__', 'constructor', 'toString', 'hasOwnProperty', 'x\u0000', 'x'.repeat(10_000)]) {
    assert.deepEqual(await other.error('rpc', { method }), { code: 104, message: 'method not found' })
  }
})

test('params that do not fit are 107 with the path of what is wrong, and the handler is not called', async t => {
  const app = await buildApp(t)
  const Tree = Type.Recursive(This => Type.Object({ next: Type.Optional(This) }))
  const calls: unknown[] = []
  app.realtime.rpc('add', { params: Type.Object({ a: Type.Number(), list: Type.Array(Type.String()) }) }, (_connection, params) => { calls.push(params) })
  app.realtime.rpc('tree', { params: Tree }, (_connection, params) => { calls.push(params) })
  const client = await ChannelClient.join(app)
  assert.deepEqual(await client.error('rpc', { method: 'add', data: { a: '1', list: [] } }), { code: 107, message: 'bad request: /a: Expected number' })
  assert.match((await client.error('rpc', { method: 'add', data: { a: 1, list: ['x', 5] } })).message, /\/list\/1/)
  for (const data of [undefined, null, [], 'x', { __proto__: null }, { constructor: 1 }]) assert.equal(await client.code('rpc', { method: 'add', data }), 107)
  const deep = client.reply(77)
  client.raw(`{"id":77,"rpc":{"method":"tree","data":${'{"next":'.repeat(5_000)}{}${'}'.repeat(5_000)}}}`)
  const { error } = await deep
  assert.ok(error === undefined || error.code === 107)
  calls.length = 0
  await client.ok('rpc', { method: 'add', data: { a: 1, list: ['x'] } })
  assert.deepEqual(calls, [{ a: 1, list: ['x'] }])
})

test('without the permission of a method it is 103, and the params are not even looked at', async t => {
  const app = await buildApp(t)
  app.realtime.rpc('secret', { permission: 'admin', params: Type.Number() }, () => 'told')
  const [alice, bob] = await Promise.all(['alice', 'bob'].map(token => ChannelClient.join(app, token)))
  assert.deepEqual(await bob!.error('rpc', { method: 'secret', data: 'x' }), { code: 103, message: 'permission denied' })
  assert.deepEqual(await alice!.ok('rpc', { method: 'secret', data: 1 }), { data: 'told' })
})

test('the code and message of an RpcError pass through unlogged; anything else is 100, temporary, without a reason and logged once', async t => {
  const app = await buildApp(t)
  app.realtime.rpc('taken', {}, async () => { throw new RpcError(409, 'the name is taken') })
  app.realtime.rpc('bug', {}, () => { throw new Error('db password is 1234') })
  const client = await ChannelClient.join(app)
  assert.deepEqual(await client.error('rpc', { method: 'taken' }), { code: 409, message: 'the name is taken' })
  assert.deepEqual(errorLines(app.logged), [])
  assert.deepEqual(await client.error('rpc', { method: 'bug' }), { code: 100, message: 'internal server error', temporary: true })
  assert.equal(errorLines(app.logged).length, 1)
  assert.equal(app.realtime.stats().handlerErrors, 1)
  for (const code of [399, 2_000, 400.5, NaN]) assert.throws(() => new RpcError(code, 'x'), RangeError)
})

test('a result that is not JSON is 100', async t => {
  const app = await buildApp(t)
  const circle: Record<string, unknown> = {}
  circle.circle = circle
  const results: Record<string, unknown> = { bigint: 1n, circle, function: () => {}, symbol: Symbol('s'), thrower: { toJSON () { throw new Error('no') } } }
  for (const [name, result] of Object.entries(results)) app.realtime.rpc(name, {}, () => result)
  const client = await ChannelClient.join(app)
  for (const method of Object.keys(results)) assert.equal(await client.code('rpc', { method }), 100, method)
  assert.equal(errorLines(app.logged).length, Object.keys(results).length)
})

function badGetter (key: string): object {
  return Object.defineProperty(new Error('x'), key, { get () { throw new Error('gotcha') } })
}

function revokedProxy (): object {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  return proxy
}

/** What nobody should throw, and nobody should be harmed by. */
const oddThings: Record<string, () => unknown> = {
  undefined: () => undefined,
  null: () => null,
  string: () => 'text',
  symbol: () => Symbol('s'),
  'a function': () => () => {},
  'an error whose message throws': () => badGetter('message'),
  'an error whose name throws': () => badGetter('name'),
  'an error whose code throws': () => badGetter('code'),
  'an error whose stack throws': () => badGetter('stack'),
  'a revoked proxy': revokedProxy,
  'a proxy without a prototype': () => new Proxy({}, { getPrototypeOf () { throw new Error('gotcha') }, get () { throw new Error('gotcha') } })
}

for (const [name, make] of Object.entries(oddThings)) {
  test(`${name} thrown by a method is 100, by authorize 103, by authenticate 3500, by onConnect and onMessage 3004`, async t => {
    const app = await buildApp(t, {
      auth: {
        authenticate (token) {
          if (token === 'bad') throw make()
          return { id: token, permissions: ['*'] }
        },
        authorize (_principal, _action, channel) {
          if (channel === 'bad') throw make()
          return true
        }
      }
    })
    app.realtime.rpc('bad', {}, () => { throw make() })
    app.realtime.onConnect((_connection, data) => { if (data === 'bad') throw make() })
    app.realtime.onMessage(() => { throw make() })
    const client = await ChannelClient.join(app)
    assert.equal(await client.code('rpc', { method: 'bad' }), 100)
    assert.equal(await client.code('subscribe', { channel: 'bad' }), 103)
    assert.equal(await client.code('publish', { channel: 'bad', data: 1 }), 103)
    await client.ok('subscribe', { channel: 'good' })
    const [refused, unwelcome] = await Promise.all([ChannelClient.open(app), ChannelClient.open(app)])
    refused.raw('{"id":1,"connect":{"token":"bad"}}')
    assert.equal((await refused.closed).code, 3500)
    unwelcome.raw('{"id":1,"connect":{"token":"alice","data":"bad"}}')
    assert.equal((await unwelcome.closed).code, 3004)
    client.raw('{"send":{"data":1}}')
    assert.equal((await client.closed).code, 3004)
  })
}

test('an RpcError that is thrown by onMessage ends the connection as anything else does', async t => {
  const app = await buildApp(t)
  app.realtime.onMessage(() => { throw new RpcError(400, 'no') })
  const client = await ChannelClient.join(app)
  client.raw('{"send":{}}')
  assert.equal((await client.closed).code, 3004)
})

test('calls of one connection are handled in order, however long each takes, and those of others meanwhile', async t => {
  const app = await buildApp(t)
  const order: string[] = []
  let release = (): void => {}
  app.realtime.rpc('slow', {}, () => new Promise<void>(resolve => { release = () => { order.push('slow'); resolve() } }))
  app.realtime.rpc('quick', {}, ({ principal }) => { order.push(principal.id) })
  const [alice, bob] = await Promise.all(['alice', 'bob'].map(token => ChannelClient.join(app, token)))
  const replies = [alice!.call('rpc', { method: 'slow' }), alice!.call('rpc', { method: 'quick' })]
  await bob!.ok('rpc', { method: 'quick' })
  release()
  await Promise.all(replies)
  assert.deepEqual(order, ['bob', 'slow', 'alice'])
})

test('a method has one handler: a second is FST_RT_DUPLICATE_METHOD', async t => {
  const app = await buildApp(t)
  app.realtime.rpc('x', {}, () => 'first')
  assert.throws(() => app.realtime.rpc('x', {}, () => 'second'), { code: 'FST_RT_DUPLICATE_METHOD' })
  const client = await ChannelClient.join(app)
  assert.deepEqual(await client.ok('rpc', { method: 'x' }), { data: 'first' })
})
