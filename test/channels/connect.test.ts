import assert from 'node:assert/strict'
import { test } from 'node:test'
import { authenticate, buildApp, listen, principals } from '../helpers/app.ts'
import { ChannelClient } from '../helpers/channel-client.ts'
import { connect } from '../helpers/client.ts'
import { until } from '../helpers/until.ts'

const upgrade = { upgrade: 'websocket', connection: 'upgrade' }

test('connect with a token in it tells the client who it is, and how often it will be pinged', async t => {
  const app = await buildApp(t, { channels: { ping: 1_500 } })
  const client = await ChannelClient.open(app)
  assert.equal(app.realtime.connections.size, 0)
  const { client: id, ...rest } = await client.ok('connect', { token: 'alice', name: 'js', version: '1', data: { any: 'thing' } })
  assert.deepEqual({ ...rest, node: typeof (rest as Record<string, unknown>).node }, { version: '0.1.0', node: 'string', ping: 2, pong: true })
  const [connection] = app.realtime.connections
  assert.equal(connection!.id, id)
  assert.equal(connection!.principal.id, 'alice')
  assert.equal(connection!.route, 'channels')
})

test('connect with the token of the handshake needs none of its own, and an empty one is none', async t => {
  const app = await buildApp(t)
  for (const request of [{}, { token: '' }]) {
    const client = await ChannelClient.open(app, { token: 'bob' })
    await client.ok('connect', request)
    assert.equal(app.realtime.connections.ofPrincipal('bob').size, 1)
    await client.close()
    await until(() => app.realtime.connections.size === 0)
  }
})

test('a token in connect has the last word over the one of the handshake, also where it is wrong', async t => {
  const app = await buildApp(t)
  const client = await ChannelClient.open(app, { token: 'bob' })
  await client.ok('connect', { token: 'alice' })
  assert.deepEqual([...app.realtime.connections].map(({ principal }) => principal.id), ['alice'])
  const impostor = await ChannelClient.open(app, { token: 'bob' })
  impostor.raw('{"id":1,"connect":{"token":"wrong"}}')
  assert.deepEqual(await impostor.closed, { code: 3500, reason: 'invalid token' })
})

test('without a token, or with a wrong one, it is 3500, and nobody was ever there', async t => {
  const app = await buildApp(t)
  for (const connect of ['{}', '{"token":""}', '{"token":"wrong"}', '{"token":"__proto__"}']) {
    const client = await ChannelClient.open(app)
    client.raw(`{"id":1,"connect":${connect}}\n{"id":2,"subscribe":{"channel":"a"}}`)
    assert.deepEqual(await client.closed, { code: 3500, reason: 'invalid token' })
    assert.deepEqual(client.strays, [])
  }
  assert.deepEqual({ connections: app.realtime.stats().connections, opened: app.realtime.stats().opened }, { connections: 0, opened: 0 })
})

test('a token that has expired is error 109, by the error of authenticate or by expiresAt, and nobody is there', async t => {
  const app = await buildApp(t, {
    auth: {
      authenticate (token) {
        if (token === 'past') return { id: 'past', permissions: [], expiresAt: Date.now() - 1 }
        throw Object.assign(new Error('the token has expired'), { name: 'TokenExpiredError' })
      }
    }
  })
  for (const token of ['old', 'past']) {
    const client = await ChannelClient.open(app)
    assert.deepEqual(await client.error('connect', { token }), { code: 109, message: 'token expired' })
    client.raw('{"id":2,"connect":{"token":"old"}}')
    assert.equal((await client.closed).code, 3501)
  }
  assert.equal(app.realtime.stats().opened, 0)
})

test('whoever has no token is the anonymous principal, where there is one', async t => {
  const app = await buildApp(t, { auth: { authenticate, anonymous: { id: 'guest', permissions: ['subscribe:open'] } } })
  const client = await ChannelClient.open(app)
  await client.ok('connect', {})
  assert.equal(app.realtime.connections.ofPrincipal('guest').size, 1)
  await client.ok('subscribe', { channel: 'open' })
  assert.equal(await client.code('subscribe', { channel: 'shut' }), 103)
  const alice = await ChannelClient.join(app)
  await alice.ok('subscribe', { channel: 'shut' })
})

test('a second connect is 3501', async t => {
  const app = await buildApp(t)
  const client = await ChannelClient.join(app)
  client.raw('{"id":9,"connect":{"token":"alice"}}')
  assert.deepEqual(await client.closed, { code: 3501, reason: 'bad request' })
  await until(() => app.realtime.connections.size === 0)
})

test('whatever comes before connect is 3501', async t => {
  const app = await buildApp(t)
  const firsts = [
    '{"id":1,"subscribe":{"channel":"a"}}', '{"send":{"data":1}}', '{}', '', '\n', '[]', 'null', 'connect', '{"id":1,"connect":5}',
    '{"id":0,"connect":{"token":"alice"}}', '{"connect":{"token":"alice"}}', Buffer.from('{"id":1,"connect":{"token":"alice"}}')
  ]
  for (const first of firsts) {
    const client = await ChannelClient.open(app, { token: 'alice' })
    client.raw(first)
    assert.deepEqual(await client.closed, { code: 3501, reason: 'bad request' }, String(first))
  }
  assert.equal(app.realtime.stats().opened, 0)
})

test('commands in the frame of connect, and in frames right behind it, are answered after it and in order', async t => {
  const app = await buildApp(t, { auth: { authenticate: async token => authenticate(token) } })
  const base = await listen(app)
  const client = await connect(`${base}/ws/channels`, { token: '' })
  client.send('{"id":1,"connect":{"token":"alice"}}\n{"id":2,"subscribe":{"channel":"a"}}')
  client.send('{"id":3,"publish":{"channel":"a","data":1}}')
  client.send('{}')
  client.send('{"id":4,"unsubscribe":{"channel":"a"}}')
  const keys = (await client.take(5)).map(frame => Object.keys(JSON.parse(String(frame))).at(-1))
  assert.deepEqual(keys, ['connect', 'subscribe', 'push', 'publish', 'unsubscribe'])
})

test('no connect in time is 3502, and whoever does not say goodbye then is dropped', async t => {
  const app = await buildApp(t, { limits: { handshakeTimeout: 20 }, closeTimeout: 20 })
  const base = await listen(app)
  const [polite, deaf] = await Promise.all([ChannelClient.dial(base), ChannelClient.dial(base)])
  deaf.client.socket.pause()
  assert.deepEqual(await polite.closed, { code: 3502, reason: 'stale' })
  await until(() => app.websocketServer.clients.size === 0)
  deaf.client.socket.resume()
  await deaf.closed
  assert.equal(app.realtime.stats().opened, 0)
})

test('an authenticate that takes too long is 3502 as well, and its answer changes nothing any more', async t => {
  const answers: Array<() => void> = []
  const app = await buildApp(t, {
    limits: { handshakeTimeout: 20 },
    auth: { authenticate: token => new Promise(resolve => answers.push(() => resolve(authenticate(token)))) }
  })
  const client = await ChannelClient.open(app)
  client.raw('{"id":1,"connect":{"token":"alice"}}')
  assert.deepEqual(await client.closed, { code: 3502, reason: 'stale' })
  for (const answer of answers) answer()
  await new Promise(resolve => setImmediate(resolve))
  assert.equal(app.realtime.stats().opened, 0)
  assert.deepEqual(client.strays, [])
})

test('who was told 109 and stays without a word is 3502', async t => {
  const app = await buildApp(t, { limits: { handshakeTimeout: 20 }, auth: { authenticate () { throw new Error('expired') } } })
  const client = await ChannelClient.open(app)
  assert.equal(await client.code('connect', { token: 'old' }), 109)
  assert.equal((await client.closed).code, 3502)
})

test('a client that leaves while it is authenticated leaves nothing behind', async t => {
  const answers: Array<() => void> = []
  const app = await buildApp(t, { auth: { authenticate: token => new Promise(resolve => answers.push(() => resolve(authenticate(token)))) } })
  const base = await listen(app)
  const client = await ChannelClient.dial(base)
  client.raw('{"id":1,"connect":{"token":"alice"}}')
  await until(() => answers.length === 1)
  client.client.socket.terminate()
  await client.closed
  answers[0]!()
  await until(() => app.websocketServer.clients.size === 0 && app.realtime.connections.size === 0)
  assert.equal(app.realtime.stats().connections, 0)
})

test('centrifuge-json is selected where it is offered; centrifuge-protobuf alone is refused before the upgrade', async t => {
  const app = await buildApp(t)
  const base = await listen(app)
  const selected = async (protocols: string[], token = 'alice') => (await connect(`${base}/ws/channels`, { token, protocols })).socket.protocol
  assert.equal(await selected(['centrifuge-json']), 'centrifuge-json')
  assert.equal(await selected(['centrifuge-protobuf', 'centrifuge-json']), 'centrifuge-json')
  await assert.rejects(selected(['centrifuge-protobuf']), /400/)
  const response = await app.inject({ url: '/ws/channels', headers: { ...upgrade, 'sec-websocket-protocol': 'centrifuge-protobuf' } })
  assert.equal(response.statusCode, 400)
  assert.equal(response.json().code, 'FST_RT_UNSUPPORTED_PROTOCOL')
})

test('a token among the subprotocols lets in, and is never sent back', async t => {
  const app = await buildApp(t)
  const base = await listen(app)
  for (const [protocols, chosen] of [[['bearer', 'alice'], 'bearer'], [['centrifuge-json', 'bearer', 'alice'], 'centrifuge-json']] as const) {
    const client = await ChannelClient.dial(base, { protocols: [...protocols] })
    assert.equal(client.client.socket.protocol, chosen)
    await client.ok('connect', {})
  }
  const response = await app.inject({ url: '/ws/channels', headers: { ...upgrade, 'sec-websocket-protocol': 'bearer, s3cret' } })
  assert.equal(response.statusCode, 401)
  assert.ok(!JSON.stringify([response.headers, response.body, app.logged]).includes('s3cret'))
})

test('a plain GET is 426, and a wrong token in the handshake 401', async t => {
  const app = await buildApp(t)
  const plain = await app.inject('/ws/channels')
  assert.deepEqual([plain.statusCode, plain.headers.upgrade], [426, 'websocket'])
  const base = await listen(app)
  await assert.rejects(ChannelClient.dial(base, { token: 'wrong' }), /401/)
})

test('channels: false leaves the route out, and a prefix moves it', async t => {
  const without = await buildApp(t, { channels: false })
  await assert.rejects(ChannelClient.open(without), /404/)
  const moved = await buildApp(t, { prefix: '/rt' })
  const base = await listen(moved)
  await assert.rejects(ChannelClient.dial(base), /404/)
  await connect(`${base}/rt/channels`, { token: '' })
})

test('beyond the limit per principal it is 3504, and a place is free again when somebody leaves', async t => {
  const app = await buildApp(t, { limits: { maxConnectionsPerPrincipal: 2 } })
  const base = await listen(app)
  const clients: ChannelClient[] = []
  for (const token of ['alice', '']) {
    const client = await ChannelClient.dial(base, { token })
    await client.ok('connect', token === '' ? { token: 'alice' } : {})
    clients.push(client)
  }
  const third = await ChannelClient.dial(base)
  third.raw('{"id":1,"connect":{"token":"alice"}}')
  assert.deepEqual(await third.closed, { code: 3504, reason: 'connection limit' })
  const bob = await ChannelClient.dial(base)
  await bob.ok('connect', { token: 'bob' })
  await clients[0]!.close()
  await until(() => app.realtime.connections.size === 2)
  const fourth = await ChannelClient.dial(base)
  await fourth.ok('connect', { token: 'alice' })
})

test('disconnect() reaches a principal that is being authenticated in connect, and its onConnect is not called', async t => {
  let authenticated = (): void => {}
  const app = await buildApp(t, { auth: { authenticate: token => new Promise(resolve => { authenticated = () => resolve(authenticate(token)) }) } })
  let connects = 0
  app.realtime.onConnect(() => { connects++ })
  const client = await ChannelClient.open(app)
  client.raw('{"id":1,"connect":{"token":"alice"}}')
  await new Promise(resolve => setImmediate(resolve))
  await app.realtime.disconnect('alice')
  authenticated()
  assert.deepEqual(await client.closed, { code: 3503, reason: 'force disconnect' })
  assert.deepEqual(client.strays, [])
  await until(() => app.realtime.connections.size === 0)
  assert.equal(connects, 0)
})

test('disconnect() reaches a principal between its handshake and its connect, and connections it has', async t => {
  const app = await buildApp(t)
  const waiting = await ChannelClient.open(app, { token: 'alice' })
  const connected = await ChannelClient.join(app)
  await app.realtime.disconnect('alice')
  waiting.raw('{"id":1,"connect":{}}')
  assert.equal((await waiting.closed).code, 3503)
  assert.equal((await connected.closed).code, 3503)
  const again = await ChannelClient.open(app)
  await again.ok('connect', { token: 'alice' })
})

test('app.close() says 3001 to strangers and to the connected, and does not wait for the silent longer than closeTimeout', async t => {
  const never = new Promise<null>(() => {})
  const app = await buildApp(t, { closeTimeout: 100, auth: { authenticate: token => token === 'never' ? never : principals[token] ?? null } })
  const base = await listen(app)
  const [stranger, connected, authenticating, silentStranger, silent] = await Promise.all(Array.from({ length: 5 }, () => ChannelClient.dial(base)))
  await connected!.ok('connect', { token: 'alice' })
  await connected!.ok('subscribe', { channel: 'a' })
  await silent!.ok('connect', { token: 'bob' })
  authenticating!.raw('{"id":1,"connect":{"token":"never"}}')
  for (const { client } of [silent!, silentStranger!]) client.socket.pause()
  const since = performance.now()
  await app.close()
  assert.ok(performance.now() - since < 1_100)
  for (const client of [stranger, connected, authenticating]) assert.deepEqual(await client!.closed, { code: 3001, reason: 'shutdown' })
  for (const { client, closed } of [silent!, silentStranger!]) {
    client.socket.resume()
    assert.equal((await closed).code, 3001)
  }
})
