import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import fastifyWebsocket from '@fastify/websocket'
import Fastify, { type FastifyInstance } from 'fastify'
import { WebSocket } from 'ws'
import { type Connection, realtime } from '../src/index.ts'
import { authenticate, bearer, buildApp, listen } from './helpers/app.ts'
import { Client, connect, inject } from './helpers/client.ts'
import { until } from './helpers/until.ts'

const json = (n: number) => JSON.stringify({ n, text: 'the same words again and again '.repeat(30) })

test('a thousand messages published in one turn reach a client in a few writes', async t => {
  const app = await buildApp(t)
  const client = await connect(`${await listen(app)}/ws/broadcast`)
  const write = t.mock.method(Socket.prototype, 'write')
  for (let n = 0; n < 1000; n++) await app.realtime.publish('broadcast', `${n}`)
  const messages = await client.take(1000)
  assert.deepEqual(messages, Array.from({ length: 1000 }, (_none, n) => `${n}`))
  assert.ok(write.mock.callCount() <= 3, `${write.mock.callCount()} writes`)
})

test('what was sent before close, by either side, arrives before it', async t => {
  const app = await buildApp(t)
  const base = await listen(app)
  const closedByServer = await connect(`${base}/ws/broadcast`)
  const [connection] = app.realtime.connections
  connection!.send('1')
  app.realtime.broadcast('2')
  connection!.close(4000, 'done')
  assert.equal(connection!.send('3'), false)
  assert.deepEqual(await closedByServer.closed, { code: 4000, reason: 'done' })
  assert.deepEqual(closedByServer.unread, ['1', '2'])
  const closedByClient = await connect(`${base}/ws/echo`)
  closedByClient.send('last words')
  closedByClient.socket.close()
  await closedByClient.closed
  assert.deepEqual(closedByClient.unread, ['last words'])
})

test('what was sent before a message that breaks the protocol arrives before the close frame', async t => {
  const app = await buildApp(t, { limits: { maxPayload: 10 } })
  const client = await connect(`${await listen(app)}/ws/echo`)
  client.send('fits')
  client.send('does not fit')
  assert.equal((await client.closed).code, 1009)
  assert.deepEqual(client.unread, ['fits'])
})

test('a peer that resets in the middle of a turn harms nobody', async t => {
  const app = await buildApp(t)
  const base = await listen(app)
  const doomed = await connect(`${base}/ws/broadcast`)
  const well = await connect(`${base}/ws/broadcast`)
  for (let n = 0; n < 100; n++) {
    if (n === 50) (doomed.socket as unknown as { _socket: Socket })._socket.resetAndDestroy()
    app.realtime.broadcast(`${n}`)
    if (n % 10 === 0) await new Promise(resolve => setImmediate(resolve))
  }
  assert.equal((await well.take(100)).length, 100)
  await until(() => app.realtime.connections.size === 1)
})

test('on an accepted socket, its own send and ours keep the order of the calls', async t => {
  let own!: WebSocket
  let connection!: Connection
  const app = await buildApp(t, {
    compression: { threshold: 10 },
    routes (app) {
      app.get('/plain', { websocket: true, preHandler: app.realtime.requires('plain') }, (socket, request) => {
        own = socket
        connection = app.realtime.accept(socket, request)
      })
    }
  })
  const base = await listen(app)
  const viaTcp = async () => {
    const client = new Client(new WebSocket(`${base}/plain`, { headers: bearer('alice'), perMessageDeflate: true }))
    await once(client.socket, 'open')
    assert.equal(own.extensions, 'permessage-deflate')
    return client
  }
  for (const open of [viaTcp, () => inject(app, '/plain')]) {
    const client = await open()
    const expected: string[] = []
    for (let n = 0; n < 20; n++) {
      expected.push(`ours ${n}`, `theirs ${json(n)}`, `ours again ${n}`)
      connection.send(`ours ${n}`)
      if (n % 2 === 0) own.send(`theirs ${json(n)}`)
      else own.send(`theirs ${json(n)}`, () => {})
      connection.send(`ours again ${n}`)
    }
    assert.deepEqual(await client.take(60), expected)
    connection.send('last')
    own.close(4000)
    assert.equal((await client.closed).code, 4000)
    assert.deepEqual(client.unread, ['last'])
  }
})

test('a message of ours never comes between the fragments of one of theirs', async t => {
  let own!: WebSocket
  let connection!: Connection
  const app = await buildApp(t, {
    routes (app) {
      app.get('/plain', { websocket: true, preHandler: app.realtime.requires('plain') }, (socket, request) => {
        own = socket
        connection = app.realtime.accept(socket, request)
      })
    }
  })
  const client = await connect(`${await listen(app)}/plain`)
  connection.send('before')
  own.send('frag', { fin: false })
  connection.send('between')
  await new Promise(resolve => setImmediate(resolve))
  own.send('men', { fin: false })
  own.send('ted', { fin: true })
  connection.send('after')
  assert.deepEqual(await client.take(4), ['before', 'fragmented', 'between', 'after'])
})

test('compression is negotiated with those who offer it, and everybody gets the same message', async t => {
  const app = await buildApp(t, { compression: true })
  const base = await listen(app)
  const open = async (perMessageDeflate: boolean | object) => {
    const client = new Client(new WebSocket(`${base}/ws/broadcast`, { perMessageDeflate, headers: bearer('alice') }))
    await once(client.socket, 'open')
    const [lastConnection] = [...app.realtime.connections].slice(-1)
    return { client, lastConnection: lastConnection!, bytes: () => (client.socket as unknown as { _socket: Socket })._socket.bytesRead }
  }
  const deflating = await open(true)
  const plain = await open(false)
  const smallWindow = await open({ serverMaxWindowBits: 9 })
  const before = [deflating, plain, smallWindow].map(({ bytes }) => bytes())
  const messages = Array.from({ length: 10 }, (_none, n) => json(n))
  for (const message of messages) await app.realtime.publish('broadcast', message)
  await app.realtime.publish('broadcast', 'short')
  for (const { client } of [deflating, plain, smallWindow]) assert.deepEqual(await client.take(11), [...messages, 'short'])
  const [squeezed, full, other] = [deflating, plain, smallWindow].map(({ bytes }, n) => bytes() - before[n]!)
  assert.equal(deflating.client.socket.extensions, 'permessage-deflate')
  assert.equal(plain.client.socket.extensions, '')
  assert.ok(squeezed! * 5 < full!, `${squeezed} and ${full} bytes`)
  assert.equal(other, full)
  deflating.client.send(json(11))
  assert.equal(await plain.client.next(), json(11))
})

test('a compressed message that inflates beyond maxPayload is 1009', async t => {
  const app = await buildApp(t, { compression: true, limits: { maxPayload: 1000 } })
  const client = new Client(new WebSocket(`${await listen(app)}/ws/echo`, { perMessageDeflate: { threshold: 0 }, headers: bearer('alice') }))
  await once(client.socket, 'open')
  client.send('x'.repeat(1_000_000))
  assert.equal((await client.closed).code, 1009)
})

test('without the option no compression is negotiated', async t => {
  const app = await buildApp(t)
  const client = new Client(new WebSocket(`${await listen(app)}/ws/echo`, { perMessageDeflate: true, headers: bearer('alice') }))
  await once(client.socket, 'open')
  assert.equal(client.socket.extensions, '')
})

test('compression with an @fastify/websocket that cannot is an error, and with one that can it works', async t => {
  const create = async (options: object): Promise<FastifyInstance> => {
    const app = Fastify()
    t.after(() => app.close())
    await app.register(fastifyWebsocket, { options })
    await app.register(realtime, { auth: { authenticate }, compression: true })
    return app
  }
  await assert.rejects(create({}), { code: 'FST_RT_OPTION_NOT_APPLICABLE', message: /compression/ })
  const app = await create({ perMessageDeflate: true })
  const client = await connect(`${await listen(app)}/ws/echo`)
  assert.equal(client.socket.extensions, 'permessage-deflate')
  client.send(json(1))
  assert.equal(await client.next(), json(1))
})

test('over TLS all of it works the same', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'realtime-tls-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1', '-subj', '/CN=localhost', '-keyout', key, '-out', cert], { stdio: 'ignore' })
  const app = Fastify({ https: { key: readFileSync(key), cert: readFileSync(cert) } })
  t.after(() => app.close())
  await app.register(realtime, { auth: { authenticate }, compression: true, heartbeat: { interval: 50, timeout: 500 } })
  const address = await app.listen({ port: 0, host: '127.0.0.1' })
  const open = async () => {
    const client = new Client(new WebSocket(`${address.replace('http', 'ws')}/ws/broadcast`, { headers: bearer('alice'), rejectUnauthorized: false }))
    await once(client.socket, 'open')
    return client
  }
  const [a, b] = [await open(), await open()]
  const messages = Array.from({ length: 200 }, (_none, n) => n % 3 === 0 ? json(n) : n % 3 === 1 ? Buffer.alloc(20_000, n) : `${n}`)
  for (const message of messages) a.send(message)
  assert.deepEqual(await b.take(200), messages)
  await until(() => [...app.realtime.connections].every(({ latency }) => latency !== undefined))
  await app.close()
  assert.deepEqual([(await a.closed).code, (await b.closed).code], [1001, 1001])
})
