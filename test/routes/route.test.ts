import assert from 'node:assert/strict'
import { connect as connectTcp } from 'node:net'
import { test } from 'node:test'
import { Type } from '@sinclair/typebox'
import type { FastifyInstance } from 'fastify'
import type { Connection, RouteHandlers } from '../../src/index.ts'
import { bearer, buildApp, listen } from '../helpers/app.ts'
import { connect, inject } from '../helpers/client.ts'
import { until } from '../helpers/until.ts'

const mine = (handlers: RouteHandlers) => ({ routes: (app: FastifyInstance) => app.realtime.route({ url: '/mine' }, handlers) })

test('with a schema a handler gets the parsed message, and what it returns is the reply', async t => {
  const app = await buildApp(t, {
    routes: app => app.realtime.route({ url: '/orders', permission: 'orders', message: Type.Object({ id: Type.Integer() }) }, {
      message: async (_connection, message) => ({ ok: message.id + 1 })
    })
  })
  const client = await inject(app, '/ws/orders')
  client.send('{"id":41}')
  assert.equal(await client.next(), '{"ok":42}')
  await assert.rejects(inject(app, '/ws/orders', { token: 'bob' }), /403/)
  const [connection] = app.realtime.connections
  assert.equal(connection?.route, '/orders')
})

test('a message that does not fit is answered with an error frame, and the connection lives', async t => {
  const app = await buildApp(t, {
    routes: app => app.realtime.route({ url: '/orders', message: Type.Object({ id: Type.Integer() }) }, { message: () => 'ok' })
  })
  const client = await inject(app, '/ws/orders')
  const answers: ReadonlyArray<[string | Buffer, string]> = [
    ['{"id":"x"}', '/id: Expected integer'],
    ['{}', '/id: Expected required property'],
    ['7', 'Expected object'],
    ['{"id":', 'Expected JSON'],
    ['', 'Expected JSON'],
    ['['.repeat(60_000), 'Expected JSON'],
    [Buffer.from('{"id":1}'), 'Expected JSON text, got a binary message']
  ]
  for (const [sent, message] of answers) {
    client.send(sent)
    assert.deepEqual(JSON.parse(String(await client.next())), { error: { code: 'INVALID_MESSAGE', message } })
  }
  client.send('{"id":1}')
  assert.equal(await client.next(), 'ok')
})

test('what a handler returns is sent as it is: text, bytes, JSON, an empty text, or nothing', async t => {
  const replies: unknown[] = ['text', Buffer.from('bytes'), { a: 1 }, '', null, undefined, 0]
  const app = await buildApp(t, mine({ message: () => replies.shift() }))
  const client = await inject(app, '/ws/mine')
  for (let i = 0; i < 7; i++) client.send('x')
  assert.deepEqual(await client.take(6), ['text', Buffer.from('bytes'), '{"a":1}', '', 'null', '0'])
})

const notAnError: unknown = 'just a text'

const unspeakable: unknown = new Proxy({}, { get () { throw new Error('do not look at me') } })

const failing: ReadonlyArray<[string, RouteHandlers]> = [
  ['throws in open', { open () { throw new Error('oops') } }],
  ['rejects in open', { async open () { throw new Error('oops') } }],
  ['throws in message', { message () { throw new Error('oops') } }],
  ['rejects in message', { async message () { throw new Error('oops') } }],
  ['throws something that is no error', { message () { throw notAnError } }],
  ['returns what cannot be sent', { message: () => () => {} }],
  ['returns a circle', { message () { const circle: { self?: unknown } = {}; circle.self = circle; return circle } }],
  ['throws what cannot be looked at', { message () { throw unspeakable } }],
  ['rejects with what cannot be looked at', { async message () { throw unspeakable } }],
  ['closes with a code that does not exist', { message (connection) { connection.close(1006) } }]
]

for (const [what, handlers] of failing) {
  test(`a handler that ${what} closes its connection with 1011, is logged once, and harms nobody else`, async t => {
    const app = await buildApp(t, mine(handlers))
    const other = await inject(app, '/ws/echo')
    const client = await inject(app, '/ws/mine')
    client.send('1')
    client.send('2')
    assert.deepEqual(await client.closed, { code: 1011, reason: 'handler failed' })
    other.send('alive')
    assert.equal(await other.next(), 'alive')
    await until(() => app.realtime.connections.size === 1)
    assert.equal(app.logged.filter(({ msg }) => String(msg).startsWith('handler failed')).length, 1)
    assert.equal(app.realtime.stats().handlerErrors, 1)
    assert.deepEqual(client.unread, [])
  })
}

test('a handler that throws or rejects in close is logged once, and that is all', async t => {
  for (const close of [() => { throw new Error('oops') }, async () => { throw new Error('oops') }]) {
    const app = await buildApp(t, mine({ close }))
    const client = await inject(app, '/ws/mine')
    await client.close()
    await until(() => app.logged.some(({ msg }) => msg === 'handler failed'))
    assert.equal(app.logged.filter(({ msg }) => msg === 'handler failed').length, 1)
    assert.equal(app.realtime.connections.size, 0)
  }
})

test('messages are handled one at a time and in order, however long each takes', async t => {
  const order: string[] = []
  let running = 0
  const app = await buildApp(t, mine({
    async message (_connection, message) {
      running++
      order.push(`begin ${message} ${running}`)
      await new Promise(resolve => setTimeout(resolve, message === '0' ? 20 : 0))
      running--
      order.push(`end ${message}`)
    },
    close () { order.push('close') }
  }))
  const client = await connect(`${await listen(app)}/ws/mine`)
  for (let i = 0; i < 4; i++) client.send(String(i))
  await client.close()
  await until(() => order.includes('close'))
  assert.deepEqual(order, [0, 1, 2, 3].flatMap(i => [`begin ${i} 1`, `end ${i}`]).concat('close'))
})

test('the first message is not lost when auth and open take their time and the client sends at once', async t => {
  const slow = () => new Promise<void>(resolve => setTimeout(resolve, 200))
  const got: string[] = []
  const app = await buildApp(t, {
    closeTimeout: 10,
    auth: {
      async authenticate () {
        await slow()
        return { id: 'a', permissions: ['*'] }
      }
    },
    ...mine({ open: slow, message (_connection, message) { got.push(String(message)) } })
  })
  const base = await listen(app)
  const socket = connectTcp(Number(new URL(base).port), '127.0.0.1')
  t.after(() => socket.destroy())
  const frame = (text: string) => Buffer.concat([Buffer.from([0x81, 0x80 | text.length, 0, 0, 0, 0]), Buffer.from(text)])
  const request = 'GET /ws/mine HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n' +
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nAuthorization: Bearer a\r\n\r\n'
  socket.write(Buffer.concat([Buffer.from(request), frame('1'), frame('2')]))
  socket.write(frame('3'))
  await until(() => got.length === 3)
  assert.deepEqual(got, ['1', '2', '3'])
})

test('a handler that falls behind makes the sender wait: few messages pile up, and none is lost', async t => {
  let release!: () => void
  const gate = new Promise<void>(resolve => { release = resolve })
  let handled = 0
  const app = await buildApp(t, mine({
    async message () {
      await gate
      handled++
    }
  }))
  const client = await connect(`${await listen(app)}/ws/mine`)
  const message = 'x'.repeat(32_768)
  for (let i = 0; i < 1000; i++) client.send(message)
  // 32 MB are more than the sockets' buffers hold: with the server not reading, some of it stays with the client.
  await until(() => app.realtime.stats().messagesIn >= 16)
  assert.ok(app.realtime.stats().messagesIn < 100)
  assert.ok(client.socket.bufferedAmount > 0)
  release()
  await until(() => handled === 1000)
  assert.equal(app.realtime.stats().messagesIn, 1000)
})

test("a route's own preHandler decides after authentication and before the upgrade", async t => {
  const app = await buildApp(t, {
    routes: app => app.realtime.route({
      url: '/mine',
      preHandler: async request => {
        if (request.principal?.id !== 'alice') throw Object.assign(new Error('only alice'), { statusCode: 409 })
      }
    }, {})
  })
  await inject(app, '/ws/mine')
  await assert.rejects(inject(app, '/ws/mine', { token: 'bob' }), /409/)
})

test('handlers get the connection and the request they belong to', async t => {
  const seen: unknown[] = []
  const app = await buildApp(t, mine({
    open (connection, request) { seen.push(connection.id, request.principal?.id, (request.query as { a: string }).a) },
    message: (connection) => connection.id,
    close (connection, code, reason) { seen.push(connection.id, code, reason) }
  }))
  const client = await inject(app, '/ws/mine?a=1')
  client.send('x')
  const id = await client.next()
  client.socket.close(4321, 'enough')
  await client.closed
  await until(() => seen.length === 6)
  assert.deepEqual(seen, [id, 'alice', '1', id, 4321, 'enough'])
})

test('close from inside a handler ends the connection after what was sent before', async t => {
  const app = await buildApp(t, mine({
    message (connection: Connection) {
      connection.send('last words')
      connection.close(4000, 'done')
      assert.equal(connection.send('too late'), false)
    }
  }))
  const client = await inject(app, '/ws/mine')
  client.send('x')
  assert.deepEqual(await client.closed, { code: 4000, reason: 'done' })
  assert.deepEqual(client.unread, ['last words'])
})

test('a plain GET of an own route is 426 as well, and its handlers may be few', async t => {
  const app = await buildApp(t, mine({}))
  assert.equal((await app.inject({ url: '/ws/mine', headers: bearer('alice') })).statusCode, 426)
  const client = await inject(app, '/ws/mine')
  client.send('nobody handles this')
  await client.roundTrip()
  assert.equal(app.realtime.connections.size, 1)
})

test('only what message returns is a reply; a thenable counts as a promise', async t => {
  const app = await buildApp(t, mine({
    open: () => 'not sent' as unknown as undefined,
    message: () => ({ then (resolve: (value: string) => void) { resolve('from a thenable') } }),
    close: () => 'nowhere to send it' as unknown as undefined
  }))
  const client = await inject(app, '/ws/mine')
  client.send('x')
  assert.equal(await client.next(), 'from a thenable')
  await client.close()
  assert.equal(app.realtime.stats().handlerErrors, 0)
})

test('a message nested deeper than its recursive schema can follow is answered like any that does not fit', async t => {
  const Tree = Type.Recursive(This => Type.Array(This))
  const app = await buildApp(t, { routes: app => app.realtime.route({ url: '/mine', message: Tree }, { message: () => 'ok' }) })
  const client = await inject(app, '/ws/mine')
  client.send('['.repeat(30_000) + ']'.repeat(30_000))
  assert.match(String(await client.next()), /INVALID_MESSAGE/)
  client.send('[[],[[]]]')
  assert.equal(await client.next(), 'ok')
})

test('closing the application waits for handlers of close that are still at work', async t => {
  let isDone = false
  const app = await buildApp(t, mine({
    async close () {
      await new Promise(resolve => setTimeout(resolve, 50))
      isDone = true
    }
  }))
  await inject(app, '/ws/mine')
  await app.close()
  assert.equal(isDone, true)
})

test('more fragments than a message may have close with 1008', async t => {
  const app = await buildApp(t)
  const client = await connect(`${await listen(app)}/ws/echo`)
  for (let n = 0; n < 100; n++) client.socket.send('x', { fin: false })
  assert.equal((await client.closed).code, 1008)
})

test('a flood of pings drops its sender, and the log does not call it a polite goodbye', async t => {
  const app = await buildApp(t)
  const client = await connect(`${await listen(app)}/ws/echo`)
  const { signal } = [...app.realtime.connections][0]!
  const ping = Buffer.from([0x89, 0x80, 0, 0, 0, 0])
  const socket = (client.socket as unknown as { _socket: import('node:net').Socket })._socket
  socket.write(Buffer.concat([...Array.from({ length: 100 }, () => ping), Buffer.from([0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8])]))
  await until(() => signal.aborted)
  const line = app.logged.find(({ msg }) => msg === 'connection ended')
  assert.deepEqual([line?.code, line?.endedBy], [1006, 'protocol error'])
})
