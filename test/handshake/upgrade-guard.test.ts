import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect as connectTcp } from 'node:net'
import { test } from 'node:test'
import fastifyWebsocket from '@fastify/websocket'
import Fastify from 'fastify'
import { realtime } from '../../src/index.ts'
import { buildApp, listen, principals } from '../helpers/app.ts'
import { connect, inject } from '../helpers/client.ts'

/** Sends a raw upgrade request. Resolves with everything the server answered once it has ended the connection. */
async function rawUpgrade (base: string, path: string, head = ''): Promise<string> {
  const { port } = new URL(base)
  const socket = connectTcp(Number(port), '127.0.0.1')
  socket.on('error', () => {})
  socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n` +
    `Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nAuthorization: Bearer alice\r\n\r\n${head}`)
  let answer = ''
  socket.on('data', chunk => { answer += chunk.toString() })
  await once(socket, 'close')
  return answer
}

test('an authenticate that never answers is 503 at the deadline, and no handler is called', async t => {
  let opened = 0
  const app = await buildApp(t, {
    auth: { authenticate: () => new Promise(() => {}) },
    limits: { handshakeTimeout: 50 },
    routes: app => { app.realtime.route({ url: '/mine' }, { open () { opened++ } }) }
  })
  await assert.rejects(inject(app, '/ws/mine'), /503/)
  const answer = await rawUpgrade(await listen(app), '/ws/mine')
  assert.match(answer, /^HTTP\/1\.1 503 /)
  assert.match(answer, /"code":"FST_RT_HANDSHAKE_TIMEOUT"/)
  assert.equal(opened, 0)
  assert.equal(app.logged.filter(({ msg }) => msg === 'handshake timed out').length, 2)
})

test('an answer that comes after the deadline changes nothing', async t => {
  let answerAuth!: () => void
  let opened = 0
  const app = await buildApp(t, {
    auth: { authenticate: () => new Promise(resolve => { answerAuth = () => resolve(principals.alice!) }) },
    limits: { handshakeTimeout: 50 },
    routes: app => { app.realtime.route({ url: '/mine' }, { open () { opened++ } }) }
  })
  assert.match(await rawUpgrade(await listen(app), '/ws/mine'), /^HTTP\/1\.1 503 /)
  answerAuth()
  await new Promise(resolve => setImmediate(resolve))
  assert.equal(opened, 0)
  assert.equal(app.realtime.connections.size, 0)
})

test('an upgrade that is refused before any hook of ours runs does not keep its socket', async t => {
  const app = await buildApp(t, { limits: { handshakeTimeout: 50 } })
  assert.match(await rawUpgrade(await listen(app), '/ws/%zz'), /^HTTP\/1\.1 400 /)
})

test('closing does not wait for an authenticate that hangs, and answers it with 503', async t => {
  let asked!: () => void
  const isAsked = new Promise<void>(resolve => { asked = resolve })
  const app = await buildApp(t, {
    auth: {
      authenticate () {
        asked()
        return new Promise(() => {})
      }
    }
  })
  const refused = assert.rejects(connect(`${await listen(app)}/ws/echo`), /503/)
  await isAsked
  await app.close()
  await refused
})

test("another WebSocket server's connections in the same application outlive the deadline", async t => {
  const app = Fastify()
  t.after(() => app.close())
  await app.register(async scope => {
    await scope.register(fastifyWebsocket)
    scope.get('/foreign', { websocket: true }, socket => { socket.on('message', data => { socket.send(data) }) })
  })
  await app.register(async scope => { await scope.register(realtime, { auth: false, limits: { handshakeTimeout: 20 } }) })
  const base = await listen(app)
  const foreign = await connect(`${base}/foreign`)
  // A refused handshake that comes later meets its own deadline later: by then the first one's has passed.
  assert.match(await rawUpgrade(base, '/ws/%zz'), /^HTTP\/1\.1 400 /)
  foreign.send('still here')
  assert.equal(String(await foreign.next()), 'still here')
  foreign.socket.terminate()
})

test('an upgrade on a connection that was kept alive is answered at the deadline as well', async t => {
  const app = await buildApp(t, { auth: { authenticate: () => new Promise(() => {}) }, limits: { handshakeTimeout: 50 } })
  const { port } = new URL(await listen(app))
  const socket = connectTcp(Number(port), '127.0.0.1')
  socket.write('GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n')
  const [first] = await once(socket, 'data') as [Buffer]
  assert.match(first.toString(), /^HTTP\/1\.1 404 /)
  socket.write('GET /ws/echo HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n' +
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nAuthorization: Bearer alice\r\n\r\n')
  const [second] = await once(socket, 'data') as [Buffer]
  assert.match(second.toString(), /^HTTP\/1\.1 503 /)
})
