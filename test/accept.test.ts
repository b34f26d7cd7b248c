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
