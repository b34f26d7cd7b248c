import assert from 'node:assert/strict'
import { test } from 'node:test'
import fastifyWebsocket from '@fastify/websocket'
import Fastify from 'fastify'
import { type Connection, realtime } from '../src/index.ts'
import { authenticate, buildApp, listen } from './helpers/app.ts'
import { connect, inject } from './helpers/client.ts'
import { until } from './helpers/until.ts'

test("a plain route's socket joins registry, channels and writer", async t => {
  let connection!: Connection
  const app = await buildApp(t, {
    routes (app) {
      app.get('/plain', { websocket: true, preHandler: app.realtime.requires('plain') }, (socket, request) => {
        connection = app.realtime.accept(socket, request)
        assert.equal(app.realtime.accept(socket, request), connection)
        connection.subscribe('news')
        socket.on('message', data => { socket.send(`own ${data}`) })
      })
    }
  })
  const client = await inject(app, '/plain')
  client.send('x')
  assert.equal(await client.next(), 'own x')
  assert.equal(connection.route, '/plain')
  assert.equal(connection.principal.id, 'alice')
  await app.realtime.publish('news', 'published')
  assert.equal(await client.next(), 'published')
  await client.close()
  await until(() => app.realtime.connections.size === 0)
  await assert.rejects(inject(app, '/plain', { token: 'bob' }), /403/)
})

test('without a principal accept refuses, and says what is missing', async t => {
  let error: unknown
  const app = await buildApp(t, {
    routes (app) {
      app.get('/plain', { websocket: true }, (socket, request) => {
        try {
          app.realtime.accept(socket, request)
        } catch (thrown) {
          error = thrown
          socket.close()
        }
      })
    }
  })
  const client = await inject(app, '/plain')
  await client.closed
  assert.equal((error as { code: string }).code, 'FST_RT_NO_PRINCIPAL')
})

test('an accepted socket that breaks the protocol gets its close code, and one that was not accepted is the application\'s', async t => {
  const app = await buildApp(t, {
    limits: { maxPayload: 10 },
    routes (app) {
      app.get('/plain', { websocket: true, preHandler: app.realtime.requires('plain') }, (socket, request) => { app.realtime.accept(socket, request) })
      app.get('/bare', { websocket: true }, () => {})
    }
  })
  const base = await listen(app)
  for (const path of ['/plain', '/bare']) {
    const client = await connect(base + path)
    client.send('x'.repeat(11))
    const { code } = await client.closed
    if (path === '/plain') assert.equal(code, 1009)
    assert.equal(app.logged.filter(({ level }) => Number(level) >= 50).length, path === '/plain' ? 0 : 1)
  }
})

test('an @fastify/websocket that is there already is used, and 1001 is still said on close', async () => {
  const app = Fastify()
  await app.register(fastifyWebsocket, { options: { maxPayload: 1000 } })
  await app.register(realtime, { auth: { authenticate } })
  app.get('/bare', { websocket: true }, socket => { socket.on('message', data => { socket.send(data) }) })
  const base = await listen(app)
  const bare = await connect(`${base}/bare`)
  const ours = await connect(`${base}/ws/echo`)
  const tooLarge = await connect(`${base}/ws/echo`)
  tooLarge.send('x'.repeat(1001))
  assert.equal((await tooLarge.closed).code, 1009)
  ours.send('x')
  assert.equal(await ours.next(), 'x')
  await app.close()
  assert.equal((await ours.closed).code, 1001)
  await bare.closed
})

test('a limit that only its registration could honour is then an error that says so', async t => {
  const app = Fastify()
  t.after(() => app.close())
  await app.register(fastifyWebsocket, { options: { maxPayload: 1000 } })
  await assert.rejects(async () => { await app.register(realtime, { auth: false, limits: { maxPayload: 2000 } }) },
    { code: 'FST_RT_OPTION_NOT_APPLICABLE', message: /limits\.maxPayload.*1000/ })
})

test('the plugin is registered once per application', async t => {
  const app = Fastify()
  t.after(() => app.close())
  await app.register(realtime, { auth: false })
  await assert.rejects(async () => { await app.register(realtime, { auth: false }) }, { code: 'FST_RT_ALREADY_REGISTERED' })
})

test('accepting a socket whose client has left meanwhile gives an ended connection, and no ghost', async t => {
  let leave!: () => void
  const left = new Promise<void>(resolve => { leave = resolve })
  let connection: Connection | undefined
  const app = await buildApp(t, {
    routes (app) {
      app.get('/plain', { websocket: true, preHandler: app.realtime.requires('plain') }, async (socket, request) => {
        socket.on('close', leave)
        await left
        connection = app.realtime.accept(socket, request)
      })
    }
  })
  const client = await connect(`${await listen(app)}/plain`)
  client.socket.terminate()
  await until(() => connection !== undefined)
  assert.equal(connection!.signal.aborted, true)
  assert.equal(connection!.send('x'), false)
  assert.equal(app.realtime.connections.size, 0)
})

test('a request from a scope that knows nothing of the plugin is refused with the same error', async t => {
  const app = Fastify()
  t.after(() => app.close())
  let error: unknown
  await app.register(fastifyWebsocket)
  app.get('/outside', { websocket: true }, (socket, request) => {
    try {
      inner.realtime.accept(socket, request)
    } catch (thrown) {
      error = thrown
      socket.close()
    }
  })
  let inner!: typeof app
  await app.register(async scope => {
    inner = scope as typeof app
    await scope.register(realtime, { auth: false })
  })
  const client = await connect(`${await listen(app)}/outside`)
  await client.closed
  assert.equal((error as { code: string }).code, 'FST_RT_NO_PRINCIPAL')
})

test('a server has one plugin, in whatever scope', async t => {
  const app = Fastify()
  t.after(() => app.close())
  await app.register(async scope => { await scope.register(realtime, { auth: false }) })
  await assert.rejects(async () => { await app.register(async scope => { await scope.register(realtime, { auth: false }) }) }, { code: 'FST_RT_ALREADY_REGISTERED' })
})

test('an @fastify/websocket without client tracking will do, and a closing handshake still has its time', async t => {
  const app = Fastify()
  t.after(() => app.close())
  await app.register(fastifyWebsocket, { options: { clientTracking: false } })
  await app.register(realtime, { auth: { authenticate }, closeTimeout: 50 })
  const client = await connect(`${await listen(app)}/ws/echo`)
  client.socket.pause()
  const [connection] = app.realtime.connections
  const { signal } = connection!
  await app.realtime.disconnect('alice')
  await until(() => signal.aborted)
  assert.equal(app.realtime.stats().heartbeatTimeouts, 0)
})

test('bytes are counted whatever form the application wants its messages in', async t => {
  const app = await buildApp(t, {
    routes (app) {
      for (const binaryType of ['arraybuffer', 'fragments'] as const) {
        app.get(`/${binaryType}`, { websocket: true, preHandler: app.realtime.requires('plain') }, (socket, request) => {
          socket.binaryType = binaryType
          app.realtime.accept(socket, request)
          socket.on('message', () => { socket.send('ok') })
        })
      }
    }
  })
  for (const path of ['/arraybuffer', '/fragments']) {
    const client = await inject(app, path)
    client.send(Buffer.from('abc'))
    await client.next()
  }
  assert.equal(app.realtime.stats().bytesIn, 6)
})

test('trustProxy and injectWS go together', async t => {
  const app = await buildApp(t, { fastify: { logger: false, trustProxy: true } })
  const client = await inject(app, '/ws/echo')
  client.send('x')
  assert.equal(await client.next(), 'x')
})
