import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import type { Connection } from '../src/index.ts'
import { buildApp, listen, type TestApp } from './helpers/app.ts'
import { type Client, connect, inject } from './helpers/client.ts'
import { Crowd } from './helpers/crowd.ts'
import { until } from './helpers/until.ts'

function assertNobodyLeft (app: TestApp): void {
  assert.equal(app.realtime.connections.size, 0)
  assert.deepEqual([...app.realtime.connections], [])
  assert.equal(app.realtime.connections.ofPrincipal('alice').size, 0)
  assert.equal(app.realtime.connections.in('broadcast').size, 0)
  assert.equal(app.realtime.stats().channels, 0)
}

/** Every way in which a connection can end, and what the log says of it. */
const ends: ReadonlyArray<[what: string, end: (client: Client, connection: Connection, app: TestApp) => void, code: number, endedBy: string]> = [
  ['closed by the client', client => client.socket.close(4000, 'bye'), 4000, 'client'],
  ['terminated by the client', client => client.socket.terminate(), 1006, 'client'],
  ['reset by the client', client => rawSocketOf(client).resetAndDestroy(), 1006, 'client'],
  ['half closed by the client', client => rawSocketOf(client).end(), 1006, 'client'],
  ['broken by a malformed frame', client => rawSocketOf(client).write(Buffer.from([0xff, 0xff, 0, 0, 0, 0])), 1002, 'protocol error'],
  ['broken by text that is not UTF-8', client => client.socket.send(Buffer.from([0xff]), { binary: false }), 1007, 'protocol error'],
  ['closed by the server', (_client, connection) => connection.close(4001, 'enough'), 4001, 'server'],
  ['terminated by the server', (_client, connection) => connection.terminate(), 1006, 'server'],
  ['disconnected', (_client, _connection, app) => { app.realtime.disconnect('alice') }, 4403, 'disconnect']
]

function rawSocketOf (client: Client): import('node:net').Socket {
  return (client.socket as unknown as { _socket: import('node:net').Socket })._socket
}

for (const [what, end, code, endedBy] of ends) {
  test(`a connection ${what} is gone from every index, and its end is logged once`, async t => {
    const app = await buildApp(t)
    const client = await connect(`${await listen(app)}/ws/broadcast`)
    const [connection] = app.realtime.connections
    assert.equal(app.realtime.connections.get(connection!.id), connection)
    assert.deepEqual([...app.realtime.connections.ofPrincipal('alice')], [connection])
    assert.deepEqual([...app.realtime.connections.in('broadcast')], [connection])
    const { signal } = connection!
    end(client, connection!, app)
    await until(() => signal.aborted)
    await client.closed
    assertNobodyLeft(app)
    assert.equal(connection!.send('late'), false)
    await connection!.subscribe('late')
    assertNobodyLeft(app)
    const lines = app.logged.filter(({ msg }) => msg === 'connection ended')
    assert.deepEqual(lines.map(line => [line.connectionId, line.code, line.endedBy]), [[connection!.id, code, endedBy]])
  })
}

test('a refused handshake never appears in the registry', async t => {
  const app = await buildApp(t)
  await assert.rejects(connect(`${await listen(app)}/ws/broadcast`, { token: 'wrong' }), /401/)
  assertNobodyLeft(app)
  assert.equal(app.realtime.stats().opened, 0)
})

test('two thousand connections are held at once, each gets what is broadcast, and none is left after a reset', async t => {
  const app = await buildApp(t, { fastify: { logger: false } })
  const base = await listen(app)
  const crowd = await Crowd.connect(t, `${base}/ws/broadcast`, 2000)
  assert.equal(app.realtime.connections.size, 2000)
  assert.equal(app.realtime.connections.in('broadcast').size, 2000)
  assert.equal(app.realtime.broadcast('hello'), 2000)
  await crowd.until(({ received }) => received === 2000)
  crowd.tell('reset')
  await until(() => app.realtime.connections.size === 0)
  assertNobodyLeft(app)
})

test('opening and ending are one log line each, with what went through, and messages are none', async t => {
  const app = await buildApp(t)
  const client = await inject(app, '/ws/echo')
  const [connection] = app.realtime.connections
  for (const message of ['abc', 'de', Buffer.from([1])]) client.send(message)
  await client.take(3)
  client.socket.close(4000, 'bye')
  await client.closed
  await until(() => app.realtime.connections.size === 0)
  const ours = app.logged.filter(({ connectionId }) => connectionId === connection!.id)
  assert.deepEqual(ours.map(({ msg }) => msg), ['connection opened', 'connection ended'])
  const { code, reason, duration, route, principal, messagesIn, messagesOut, bytesIn, bytesOut, dropped, reqId } = ours[1]!
  assert.deepEqual({ code, reason, route, principal, messagesIn, messagesOut, bytesIn, bytesOut, dropped },
    { code: 4000, reason: 'bye', route: 'echo', principal: 'alice', messagesIn: 3, messagesOut: 3, bytesIn: 6, bytesOut: 6, dropped: 0 })
  assert.ok(Number(duration) >= 0)
  assert.ok(reqId)
})

test("a connection's own log carries its id", async t => {
  const app = await buildApp(t, {
    routes: app => app.realtime.route({ url: '/mine' }, { open (connection) { connection.log.info('mine') } })
  })
  await inject(app, '/ws/mine')
  const [connection] = app.realtime.connections
  assert.equal(app.logged.find(({ msg }) => msg === 'mine')?.connectionId, connection!.id)
})

test('the id is random, URL-safe and of 128 bits', async t => {
  const app = await buildApp(t)
  await inject(app, '/ws/echo')
  await inject(app, '/ws/echo')
  const ids = [...app.realtime.connections].map(({ id }) => id)
  assert.equal(new Set(ids).size, 2)
  for (const id of ids) {
    assert.match(id, /^[\w-]{22}$/)
    assert.equal(Buffer.from(id, 'base64url').length, 16)
  }
})

test('disconnect ends every connection of a principal and nobody else, and nothing is delivered after it', async t => {
  const app = await buildApp(t)
  const mine = [await inject(app, '/ws/broadcast'), await inject(app, '/ws/echo')]
  const other = await inject(app, '/ws/broadcast', { token: 'bob' })
  await app.realtime.disconnect('alice', { reason: 'stolen token' })
  assert.equal(app.realtime.broadcast('secret'), 1)
  for (const client of mine) {
    assert.deepEqual(await client.closed, { code: 4403, reason: 'stolen token' })
    assert.deepEqual(client.unread, [])
  }
  assert.equal(await other.next(), 'secret')
  await app.realtime.disconnect('nobody here')
  await app.realtime.disconnect('bob', { code: 4999 })
  assert.deepEqual(await other.closed, { code: 4999, reason: '' })
  await assert.rejects(app.realtime.disconnect('alice', { code: 1005 }), { code: 'FST_RT_INVALID_CLOSE_CODE' })
})

test('whoever was still shaking hands when its principal was disconnected does not stay either', async t => {
  let pass!: () => void
  const held = new Promise<void>(resolve => { pass = resolve })
  let isHeld = false
  const app = await buildApp(t, {
    routes: app => app.realtime.route({
      url: '/mine',
      async preHandler () {
        isHeld = true
        await held
      }
    }, {})
  })
  const connecting = connect(`${await listen(app)}/ws/mine`)
  await until(() => isHeld)
  await app.realtime.disconnect('alice')
  pass()
  const client = await connecting
  assert.equal((await client.closed).code, 4403)
  await connect(`${app.listeningOrigin.replace('http', 'ws')}/ws/echo`)
  assert.equal(app.realtime.connections.size, 1)
})

test('credentials that end, end their connection with 4401 within a second', async t => {
  const app = await buildApp(t, { auth: { authenticate: () => ({ id: 'a', permissions: ['*'], expiresAt: Date.now() + 100 }) } })
  const since = performance.now()
  const client = await inject(app, '/ws/echo')
  assert.deepEqual(await client.closed, { code: 4401, reason: 'credentials expired' })
  const lived = performance.now() - since
  assert.ok(lived >= 99 && lived < 1100, `${lived} ms`)
})

test('stats count what there is and what has been', async t => {
  const app = await buildApp(t)
  const client = await inject(app, '/ws/echo')
  await inject(app, '/ws/broadcast')
  client.send('abc')
  await client.next()
  assert.deepEqual(app.realtime.stats(), {
    connections: 2, channels: 1, opened: 2, messagesIn: 1, messagesOut: 1, bytesIn: 3, bytesOut: 3, dropped: 0, slowConsumers: 0, gaps: 0, heartbeatTimeouts: 0, handlerErrors: 0
  })
})

async function closed (t: TestContext, path: string, options: Parameters<typeof buildApp>[1]): Promise<[number, TestApp, Client]> {
  const app = await buildApp(t, options)
  const client = await connect(await listen(app) + path)
  const since = performance.now()
  await app.close()
  return [performance.now() - since, app, client]
}

test('closing the application says 1001 to everybody and waits for their goodbyes', async t => {
  const [took, app, client] = await closed(t, '/ws/echo', {})
  assert.deepEqual(await client.closed, { code: 1001, reason: 'server shutting down' })
  assert.ok(took < 1000, `${took} ms`)
  assertNobodyLeft(app)
  assert.equal(app.logged.find(({ msg }) => msg === 'connection ended')?.endedBy, 'shutdown')
})

test('whoever does not answer the goodbye is terminated at closeTimeout', async t => {
  const app = await buildApp(t, { closeTimeout: 100 })
  const client = await connect(`${await listen(app)}/ws/echo`)
  client.socket.pause()
  const since = performance.now()
  await app.close()
  const took = performance.now() - since
  assert.ok(took >= 99 && took < 1000, `${took} ms`)
  assertNobodyLeft(app)
})

test('a handler that is still busy does not hold up the goodbye', async t => {
  const app = await buildApp(t, {
    routes: app => app.realtime.route({ url: '/mine' }, { message: () => new Promise(() => {}) })
  })
  const client = await connect(`${await listen(app)}/ws/mine`)
  for (let i = 0; i < 100; i++) client.send('x')
  await until(() => app.realtime.stats().messagesIn === 100)
  const since = performance.now()
  await app.close()
  assert.ok(performance.now() - since < 1000)
  assert.equal((await client.closed).code, 1001)
})

test('while the application closes, a new upgrade is 503', async t => {
  const app = await buildApp(t, { closeTimeout: 300 })
  const base = await listen(app)
  const silent = await connect(`${base}/ws/echo`)
  silent.socket.pause()
  const isClosed = app.close()
  await until(() => [...app.realtime.connections].every(({ send }) => send.length === 1) && app.realtime.broadcast('x') === 0)
  await assert.rejects(connect(`${base}/ws/echo`), /503/)
  await isClosed
})
