import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect as connectTcp } from 'node:net'
import { test } from 'node:test'
import { memoryBackplane, type Backplane } from '../../src/index.ts'
import { authenticate, buildApp, listen } from '../helpers/app.ts'
import { ChannelClient } from '../helpers/channel-client.ts'
import { connect } from '../helpers/client.ts'
import { RawClient } from '../helpers/raw-client.ts'
import { until } from '../helpers/until.ts'

const turn = () => new Promise(resolve => setImmediate(resolve))
const everything = { defaults: { history: { size: 100, ttl: 60_000 }, presence: true, joinLeave: true } }

test('an authorize that never answers holds up its own connection only, which can be ended in every way', async t => {
  const asked: string[] = []
  const app = await buildApp(t, {
    channels: everything,
    closeTimeout: 50,
    auth: {
      authenticate: id => ({ id, permissions: ['*'] }),
      authorize (_principal, _action, channel) {
        asked.push(channel)
        return channel === 'never' ? new Promise<boolean>(() => {}) : true
      }
    }
  })
  const base = await listen(app)
  const clients = await Promise.all(['leaves', 'revoked', 'closed', 'stays'].map(async token => {
    const client = await ChannelClient.dial(base)
    await client.ok('connect', { token })
    client.raw(Array.from({ length: 10 }, (_, i) => `{"id":${i + 50},"subscribe":{"channel":"never"}}`).join('\n'))
    return client
  }))
  await until(() => asked.length === 4)
  const healthy = await ChannelClient.dial(base)
  await healthy.ok('connect', { token: 'healthy' })
  await healthy.ok('subscribe', { channel: 'a' })
  await clients[0]!.close()
  await app.realtime.disconnect('revoked')
  assert.equal((await clients[1]!.closed).code, 3503)
  for (const connection of app.realtime.connections.ofPrincipal('closed')) connection.close()
  assert.equal((await clients[2]!.closed).code, 3503)
  await until(() => app.realtime.connections.size === 2)
  const since = performance.now()
  await app.close()
  assert.ok(performance.now() - since < 1_050)
  assert.equal((await clients[3]!.closed).code, 3001)
})

test('a client that ends in the middle of authorize is in no channel afterwards', async t => {
  const answers: Array<() => void> = []
  const app = await buildApp(t, { channels: everything, auth: { authenticate, authorize: () => new Promise<boolean>(resolve => { answers.push(() => resolve(true)) }) } })
  for (const method of ['subscribe', 'publish', 'presence', 'history']) {
    const client = await ChannelClient.join(app)
    client.raw(JSON.stringify({ id: 5, [method]: { channel: 'a', data: 1, limit: 5 } }))
    await until(() => answers.length === 1)
    await client.close()
    await until(() => app.realtime.connections.size === 0)
    answers.pop()!()
    await turn()
    assert.deepEqual([client.strays, client.pushes], [[], []])
  }
  assert.equal(app.realtime.stats().channels, 0)
})

test('a client that ends in the middle of onConnect is in no channel afterwards, waited for or not', async t => {
  let goOn = (): void => {}
  const backplane = memoryBackplane()
  const app = await buildApp(t, { channels: everything, backplane })
  const ended: unknown[] = []
  app.realtime.onConnect(async connection => {
    await connection.subscribe('before')
    await new Promise<void>(resolve => { goOn = resolve })
    await connection.subscribe('after')
    ended.push(connection.signal.aborted, connection.send('x'))
  })
  const client = await ChannelClient.open(app)
  client.raw('{"id":1,"connect":{"token":"alice"}}')
  await until(() => app.realtime.connections.size === 1)
  await turn()
  await client.close()
  await until(() => app.realtime.connections.size === 0)
  goOn()
  await until(() => ended.length > 0)
  await turn()
  assert.deepEqual(ended, [true, false])
  assert.equal(app.realtime.stats().channels, 0)
  for (const channel of ['before', 'after']) assert.deepEqual(await backplane.presence.list(channel), [])
})

test('a client that ends while the engine still subscribes is in no channel afterwards, and the engine is told', async t => {
  const backplane = memoryBackplane()
  const flowing = new Set<string>()
  let acknowledge = (): void => {}
  backplane.subscribe = async channels => {
    for (const channel of channels) flowing.add(channel)
    await new Promise<void>(resolve => { acknowledge = resolve })
  }
  backplane.unsubscribe = async channels => { for (const channel of channels) flowing.delete(channel) }
  const app = await buildApp(t, { channels: everything, backplane })
  const client = await ChannelClient.join(app)
  client.raw('{"id":5,"subscribe":{"channel":"a"}}')
  await until(() => flowing.size === 1)
  await client.close()
  await until(() => app.realtime.connections.size === 0)
  assert.equal(flowing.size, 0)
  acknowledge()
  await turn()
  assert.deepEqual([app.realtime.stats().channels, flowing.size, await backplane.presence.list('a')], [0, 0, []])
})

const failing: ReadonlyArray<readonly [name: string, breakIt: (backplane: Backplane) => void, commands: ReadonlyArray<readonly [method: string, request: object]>]> = [
  ['subscribe', backplane => { backplane.subscribe = async () => { throw new Error('redis://secret is away') } }, [['subscribe', { channel: 'a' }]]],
  ['read', backplane => { backplane.read = async () => { throw new Error('redis://secret is away') } }, [['subscribe', { channel: 'a' }], ['history', { channel: 'b', limit: 1 }]]],
  ['publish', backplane => { backplane.publish = async () => { throw new Error('redis://secret is away') } }, [['publish', { channel: 'a', data: 1 }]]],
  ['presence', backplane => {
    const { presence } = backplane
    presence.join = presence.leave = presence.list = presence.count = async () => { throw new Error('redis://secret is away') }
  }, [['presence', { channel: 'a' }], ['presence_stats', { channel: 'a' }]]]
]
for (const [name, breakIt, commands] of failing) {
  test(`an engine whose ${name} fails is error 100, temporary, without a reason, and the connection lives on`, async t => {
    const backplane = memoryBackplane()
    const { subscribe, read } = backplane
    breakIt(backplane)
    const app = await buildApp(t, { channels: everything, backplane })
    const client = await ChannelClient.join(app)
    for (const [method, request] of commands) assert.deepEqual(await client.error(method, request), { code: 100, message: 'internal server error', temporary: true })
    assert.equal(app.realtime.stats().channels, 0)
    assert.match(JSON.stringify(app.logged), /is away/)
    Object.assign(backplane, { subscribe, read })
    await client.ok('subscribe', { channel: 'a' })
    await client.ok('unsubscribe', { channel: 'a' })
  })
}

test('a subscription of onConnect that the engine refuses ends that connection at most, also where nobody waits for it', async t => {
  const backplane = memoryBackplane()
  const { subscribe } = backplane
  backplane.subscribe = async channels => {
    if (channels.includes('broken')) throw new Error('away')
    return subscribe.call(backplane, channels)
  }
  const app = await buildApp(t, { backplane })
  app.realtime.onConnect((connection, data) => {
    const subscribing = connection.subscribe('broken')
    return data === 'waits' ? subscribing : undefined
  })
  const healthy = await ChannelClient.open(app)
  const { subs } = await healthy.ok('connect', { token: 'alice', data: 'does not wait' })
  assert.equal(subs, undefined)
  assert.equal(app.logged.filter(({ msg }) => msg === 'subscribe failed').length, 1)
  const waiting = await ChannelClient.open(app)
  waiting.raw('{"id":1,"connect":{"token":"alice","data":"waits"}}')
  assert.equal((await waiting.closed).code, 3004)
  await healthy.roundTrip()
})

test('the application may end a connection from wherever it is called for it', async t => {
  const app = await buildApp(t, {
    channels: everything,
    auth: {
      authenticate,
      authorize ({ id }, _action, channel) {
        if (channel === 'end') for (const connection of app.realtime.connections.ofPrincipal(id)) connection.close(4_001)
        return true
      }
    }
  })
  app.realtime.rpc('end', {}, connection => { connection.close(4_002) })
  app.realtime.rpc('drop', {}, connection => { connection.terminate() })
  app.realtime.onConnect(async (connection, data) => {
    await connection.subscribe('inbox')
    if (data === 'end') connection.close(4_003)
  })
  const commands = [
    ['{"id":5,"subscribe":{"channel":"end"}}', 4_001], ['{"id":5,"publish":{"channel":"end","data":1}}', 4_001],
    ['{"id":5,"rpc":{"method":"end"}}', 4_002], ['{"id":5,"rpc":{"method":"drop"}}', 1006]
  ] as const
  for (const [command, code] of commands) {
    const client = await ChannelClient.join(app)
    client.raw(`${command}\n{"id":6,"subscribe":{"channel":"later"}}`)
    assert.equal((await client.closed).code, code, command)
    assert.deepEqual(client.strays, [])
  }
  const unwelcome = await ChannelClient.open(app)
  unwelcome.raw('{"id":1,"connect":{"token":"alice","data":"end"}}')
  assert.equal((await unwelcome.closed).code, 4_003)
  assert.deepEqual(unwelcome.strays, [])
  await until(() => app.realtime.connections.size === 0)
  assert.equal(app.realtime.stats().channels, 0)
})

test('a stranger that breaks the protocol while the server shuts down does not keep the others from being closed', async t => {
  const app = await buildApp(t, { closeTimeout: 300 })
  const base = await listen(app)
  const connected = await ChannelClient.dial(base)
  await connected.ok('connect', { token: 'alice' })
  connected.client.socket.pause()
  const { hostname, port } = new URL(base)
  const stranger = connectTcp({ host: hostname, port: Number(port) })
  await once(stranger, 'connect')
  stranger.write(`GET /ws/channels HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${Buffer.alloc(16).toString('base64')}\r\n\r\n`)
  await once(stranger, 'data')
  stranger.on('data', () => { stranger.write(Buffer.from([0xff, 0xff, 0xff, 0xff])) })
  stranger.on('error', () => {})
  await app.close()
  assert.equal(app.realtime.connections.size, 0)
  connected.client.socket.resume()
  assert.equal((await connected.closed).code, 3001)
  stranger.destroy()
})

test('what breaks WebSocket itself ends a stranger and a connection with the codes of WebSocket', async t => {
  const app = await buildApp(t, { limits: { maxPayload: 1_000 } })
  const base = await listen(app)
  for (const token of ['', 'alice']) {
    const large = await ChannelClient.dial(base)
    if (token !== '') await large.ok('connect', { token })
    large.raw('x'.repeat(1_001))
    assert.equal((await large.closed).code, 1009)
    const raw = await RawClient.connect(base, '/ws/channels', 'alice')
    raw.socket.write(Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0xc3, 0x28]))
    assert.deepEqual(await raw.ended, { code: 1007, reason: '' })
  }
  await until(() => app.realtime.connections.size === 0)
})

test('a reader that is too slow for its publications is 3008, and the others get every one', async t => {
  const app = await buildApp(t, { limits: { maxBuffered: 50_000 }, closeTimeout: 50 })
  const base = await listen(app)
  const [slow, quick] = await Promise.all([ChannelClient.dial(base), ChannelClient.dial(base)])
  for (const client of [slow, quick]) {
    await client.ok('connect', { token: 'alice' })
    await client.ok('subscribe', { channel: 'a' })
  }
  slow.client.socket.pause()
  let published = 0
  while (app.realtime.connections.size === 2) {
    await app.realtime.publish('a', { i: published++, text: 'x'.repeat(20_000) })
    await turn()
  }
  assert.deepEqual((await quick.data(published)).map(data => (data as { i: number }).i), Array.from({ length: published }, (_, i) => i))
  assert.equal(app.realtime.stats().slowConsumers, 1)
  slow.client.socket.resume()
  await slow.closed
})

test('presence of many is one reply, and their going together leaves nobody', async t => {
  const backplane = memoryBackplane()
  const app = await buildApp(t, { channels: { defaults: { presence: true } }, backplane })
  const clients: ChannelClient[] = []
  for (let i = 0; i < 500; i++) {
    const client = await ChannelClient.join(app, ['alice', 'listener'][i % 2])
    await client.ok('subscribe', { channel: 'news' })
    clients.push(client)
  }
  assert.equal(Object.keys((await clients[0]!.ok('presence', { channel: 'news' })).presence!).length, 500)
  assert.deepEqual(await clients[0]!.ok('presence_stats', { channel: 'news' }), { num_clients: 500, num_users: 2 })
  await Promise.all(clients.map(client => client.close()))
  await until(() => app.realtime.connections.size === 0)
  assert.deepEqual([await backplane.presence.list('news'), app.realtime.stats().channels], [[], 0])
})

test('a client that goes away while an onConnect hangs and its commands wait is noticed', async t => {
  const app = await buildApp(t, { heartbeat: { interval: 20, timeout: 20 }, channels: { ping: 20 }, closeTimeout: 20 })
  app.realtime.onConnect(() => new Promise(() => {}))
  const base = await listen(app)
  const client = await connect(`${base}/ws/channels`, { token: '' })
  client.send('{"id":1,"connect":{"token":"alice"}}')
  for (let i = 0; i < 40; i++) client.send(`{"id":${i + 2},"unsubscribe":{"channel":"a"}}`)
  await until(() => app.realtime.connections.size === 1)
  client.socket.terminate()
  const deadline = performance.now() + 3_000
  await until(() => app.realtime.connections.size === 0 || performance.now() > deadline)
  assert.equal(app.realtime.connections.size, 0)
})

// A socket that we have paused does not tell that it ends, here as on the other routes: what tells is the ping that nobody takes.
test('a client that closes while an authorize hangs and its commands wait is gone once it has hung up', async t => {
  const auth = { authenticate, authorize: () => new Promise<boolean>(() => {}) }
  const app = await buildApp(t, { heartbeat: { interval: 20, timeout: 20 }, channels: { ping: 20 }, closeTimeout: 20, auth })
  const base = await listen(app)
  const client = await ChannelClient.dial(base)
  await client.ok('connect', { token: 'alice' })
  for (let i = 0; i < 40; i++) client.raw(`{"id":${i + 2},"subscribe":{"channel":"a"}}`)
  await client.client.roundTrip()
  client.client.socket.close()
  client.client.socket.terminate() // as clients do that wait for the other close frame in vain
  await until(() => app.realtime.connections.size === 0)
})

test('a command that waits for its turn under the message rate does not keep the process alive', async t => {
  const { mock } = t.mock.method(globalThis, 'setTimeout')
  const app = await buildApp(t, { limits: { messageRate: { messages: 1, per: 600_000, onExceed: 'pause' } } })
  const client = await ChannelClient.join(app)
  await client.roundTrip()
  client.raw('{"id":77,"unsubscribe":{"channel":"a"}}')
  await turn()
  await app.close()
  assert.equal((await client.closed).code, 3001)
  const waits = mock.calls.filter(call => Number(call.arguments[1]) > 500_000)
  assert.deepEqual(waits.map(({ result }) => result!.hasRef()), [false])
})

test('with compression, every form of a publication arrives whole', async t => {
  const app = await buildApp(t, { compression: { threshold: 10 }, channels: everything })
  const base = await listen(app)
  const clients = await Promise.all(Array.from({ length: 3 }, () => ChannelClient.dial(base)))
  for (const [i, client] of clients.entries()) {
    await client.ok('connect', { token: 'alice' })
    await client.ok('subscribe', { channel: 'a', flag: i % 2 })
  }
  const values = Array.from({ length: 50 }, (_, i) => ({ i, text: 'x'.repeat(i * 50) }))
  for (const data of values) await app.realtime.publish('a', data)
  for (const client of clients) assert.deepEqual(await client.data(50), values)
})
