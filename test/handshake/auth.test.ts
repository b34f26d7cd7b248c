import assert from 'node:assert/strict'
import { test } from 'node:test'
import fastifyCookie from '@fastify/cookie'
import Fastify from 'fastify'
import { WebSocket } from 'ws'
import { realtime } from '../../src/index.ts'
import { authenticate, bearer, buildApp, listen, principals } from '../helpers/app.ts'
import { connect, inject } from '../helpers/client.ts'
import { until } from '../helpers/until.ts'

/** What `inject` needs to play an upgrade request. */
const upgrade = { connection: 'upgrade', upgrade: 'websocket' }

test('without a token the handshake is refused with 401 before the upgrade', async t => {
  const app = await buildApp(t)
  const response = await app.inject({ url: '/ws/echo', headers: upgrade })
  assert.equal(response.statusCode, 401)
  assert.equal(response.headers['www-authenticate'], 'Bearer')
  assert.deepEqual(response.json(), {
    statusCode: 401, code: 'FST_RT_UNAUTHORIZED', error: 'Unauthorized', message: 'A valid token is required'
  })
  await assert.rejects(inject(app, '/ws/echo', { token: '' }), /Unexpected server response: 401/)
  assert.equal(app.realtime.connections.size, 0)
})

test('a wrong token is refused like none', async t => {
  const app = await buildApp(t)
  for (const authorization of ['Bearer wrong', 'Bearer', 'Basic alice', 'alice', 'Bearer alice bob']) {
    const response = await app.inject({ url: '/ws/echo', headers: { ...upgrade, authorization } })
    assert.equal(response.statusCode, 401, authorization)
  }
})

test('authenticate that throws or rejects is 401, its error in the log and not in the answer', async t => {
  for (const fail of [() => { throw new Error('db is down') }, async () => { throw new Error('db is down') }]) {
    const app = await buildApp(t, { auth: { authenticate: fail } })
    const response = await app.inject({ url: '/ws/echo', headers: { ...upgrade, ...bearer('alice') } })
    assert.equal(response.statusCode, 401)
    assert.ok(!response.body.includes('db is down'))
    const lines = app.logged.filter(({ msg }) => msg === 'authenticate failed')
    assert.equal(lines.length, 1)
    assert.match(JSON.stringify(lines[0]), /db is down/)
  }
})

test('authenticate that returns something else than a principal is 401, and the log says what is wrong', async t => {
  const wrong: ReadonlyArray<[value: unknown, field: string]> = [
    [undefined, 'it'], [true, 'it'], ['alice', 'it'], [{}, 'id'], [{ id: '', permissions: [] }, 'id'], [{ id: 'a', permissions: 'all' }, 'permissions'],
    [{ id: 'a', permissions: [5] }, 'permissions/0'], [{ id: 'a', permissions: [], expiresAt: new Date() }, 'expiresAt']
  ]
  for (const [value, field] of wrong) {
    const app = await buildApp(t, { auth: { authenticate: () => value as never } })
    const response = await app.inject({ url: '/ws/echo', headers: { ...upgrade, ...bearer('alice') } })
    assert.equal(response.statusCode, 401)
    assert.match(JSON.stringify(app.logged), new RegExp(`\\{ id, permissions \\}: ${field} is wrong: Expected .*FST_RT_INVALID_PRINCIPAL`))
  }
})

test('a principal that has expired is refused', async t => {
  const app = await buildApp(t, { auth: { authenticate: () => ({ id: 'a', permissions: ['*'], expiresAt: Date.now() - 1 }) } })
  await assert.rejects(inject(app, '/ws/echo'), /401/)
})

test('a missing permission is 403 with its name', async t => {
  const app = await buildApp(t)
  const response = await app.inject({ url: '/ws/echo', headers: { ...upgrade, ...bearer('nobody') } })
  assert.equal(response.statusCode, 403)
  assert.equal(response.json().code, 'FST_RT_FORBIDDEN')
  assert.match(response.json().message, /"echo"/)
})

test('a plain GET is 426 and says what to upgrade to, whoever asks', async t => {
  const app = await buildApp(t)
  for (const url of ['/ws/echo', '/ws/broadcast']) {
    for (const headers of [{}, bearer('alice'), bearer('wrong')]) {
      const response = await app.inject({ url, headers })
      assert.equal(response.statusCode, 426)
      assert.equal(response.headers.upgrade, 'websocket')
      assert.equal(response.json().code, 'FST_RT_UPGRADE_REQUIRED')
    }
  }
  const base = await listen(app)
  const response = await fetch(`${base.replace('ws', 'http')}/ws/echo`)
  assert.equal(response.status, 426)
})

test('a browser sends the token as subprotocol: bearer is selected and the secret never echoed', async t => {
  const app = await buildApp(t)
  const base = await listen(app)
  const client = await connect(`${base}/ws/echo`, { token: '', protocols: ['bearer', 'alice'] })
  assert.equal(client.socket.protocol, 'bearer')
  client.send('hi')
  assert.equal(await client.next(), 'hi')
})

test('a token offered as the only subprotocol is not sent back', async t => {
  const app = await buildApp(t)
  const base = await listen(app)
  const socket = new WebSocket(`${base}/ws/echo`, ['alice'], { headers: bearer('alice') })
  const headers = await new Promise<Record<string, unknown>>(resolve => {
    socket.on('upgrade', response => { resolve(response.headers) })
    socket.on('error', () => {})
  })
  assert.equal(headers['sec-websocket-protocol'], undefined)
})

test('a cookie is a source where it was asked for', async t => {
  const app = await buildApp(t, {
    auth: { authenticate, tokenFrom: ['cookie'], cookieName: 'sid' },
    before: async app => { await app.register(fastifyCookie) }
  })
  const client = await inject(app, '/ws/echo', { token: '', headers: { cookie: 'sid=bob' } })
  client.send('x')
  assert.equal(await client.next(), 'x')
  await assert.rejects(inject(app, '/ws/echo', { token: 'bob' }), /401/)
  await assert.rejects(inject(app, '/ws/echo', { token: '', headers: { cookie: 'sid=' } }), /401/)
})

test('a cookie without @fastify/cookie is an error when the application gets ready', async t => {
  const app = Fastify()
  t.after(() => app.close())
  await app.register(realtime, { auth: { authenticate, tokenFrom: ['cookie'], cookieName: 'sid' } })
  await assert.rejects(async () => { await app.ready() }, /auth\.tokenFrom.*@fastify\/cookie/)
})

test('the query is a source where it was asked for, under the name that was asked for', async t => {
  const app = await buildApp(t, { auth: { authenticate, tokenFrom: ['query'], queryName: 'access_token' } })
  const base = await listen(app)
  const client = await connect(`${base}/ws/broadcast?access_token=alice&channel=news`, { token: '' })
  assert.equal(app.realtime.connections.in('news').size, 1)
  await client.close()
  await assert.rejects(connect(`${base}/ws/echo?token=alice`, { token: '' }), /401/)
  await assert.rejects(connect(`${base}/ws/echo?access_token=`, { token: '' }), /401/)
})

test('where several sources have a token, the order of the option decides', async t => {
  const seen: string[] = []
  const app = await buildApp(t, {
    auth: {
      tokenFrom: ['query', 'header'],
      authenticate (token) {
        seen.push(token)
        return principals.alice!
      }
    }
  })
  await inject(app, '/ws/echo?token=first', { token: 'second' })
  await inject(app, '/ws/echo', { token: 'second' })
  assert.deepEqual(seen, ['first', 'second'])
})

test('anonymous is who comes without a token; a wrong token is still refused', async t => {
  const anonymous = { id: 'guest', permissions: ['echo'] }
  const app = await buildApp(t, { auth: { authenticate, anonymous } })
  await inject(app, '/ws/echo', { token: '' })
  assert.equal(app.realtime.connections.ofPrincipal('guest').size, 1)
  await assert.rejects(inject(app, '/ws/echo', { token: 'wrong' }), /401/)
  await assert.rejects(inject(app, '/ws/broadcast', { token: '' }), /403/)
})

test('auth: false lets everybody in everywhere', async t => {
  const app = await buildApp(t, { auth: false })
  const client = await inject(app, '/ws/broadcast?channel=any', { token: '' })
  client.send('x')
  await client.roundTrip()
  assert.equal(app.realtime.connections.ofPrincipal('anonymous').size, 1)
})

test('a token in the query is in no log line, refused, mistyped or plain, and in no answer', async t => {
  const app = await buildApp(t, { auth: { authenticate, tokenFrom: ['query', 'header'] } })
  const base = await listen(app)
  const http = base.replace('ws', 'http')
  await (await connect(`${base}/ws/echo?token=alice&a=1`, { token: '' })).close()
  const bodies: string[] = []
  for (const path of ['/ws/echo?token=SECRET', '/ws/echo?a=1&%74oken=SECRET', '/ws/mistyped?token=SECRET', '/ws?token=SECRET', '/WS/echo?token=SECRET', '//ws/echo?token=SECRET', '/ws%2Fecho?token=SECRET', '/x/../ws/echo?token=SECRET']) {
    await assert.rejects(connect(base + path, { token: '' }), /40[14]/)
  }
  for (const request of [{ url: '/ws/echo?token=SECRET' }, { url: '/ws/echo?token=SECRET', headers: upgrade }]) {
    bodies.push((await app.inject(request)).body)
  }
  bodies.push(await (await fetch(`${http}/ws/echo?token=SECRET&b=2`)).text())
  bodies.push(await (await fetch(`${http}/ws/mistyped?token=SECRET`)).text())
  const log = JSON.stringify(app.logged)
  assert.ok(!log.includes('SECRET') && !bodies.join().includes('SECRET'))
  assert.match(log, /"url":"\/ws\/echo\?a=1"/)
  assert.match(log, /"url":"\/ws\/echo\?b=2"/)
})

test("the application's own request serializer is kept, and cleaned too", async t => {
  const app = await buildApp(t, {
    fastify: {
      logger: {
        level: 'info',
        stream: { write: (line: string) => { lines.push(line) } },
        serializers: { req: request => ({ url: request.url, mine: true }) }
      }
    }
  })
  const lines: string[] = []
  await app.inject('/ws/echo?token=SECRET')
  assert.match(lines.join(''), /"url":"\/ws\/echo","mine":true/)
  assert.ok(!lines.join('').includes('SECRET'))
})

test("a route of the application under the same prefix is untouched, and reads its own query parameter 'token'", async t => {
  const app = await buildApp(t, {
    routes (app) {
      app.get('/ws/status', async request => ({ token: (request.query as { token?: string }).token, principal: request.principal }))
      app.get('/ws/own', { websocket: true }, (socket, request) => { socket.send((request.query as { token: string }).token) })
    }
  })
  assert.deepEqual((await app.inject('/ws/status?token=abc')).json(), { token: 'abc', principal: null })
  const client = await inject(app, '/ws/own?token=abc', { token: '' })
  assert.equal(await client.next(), 'abc')
})

test('requires() guards a plain HTTP route as well', async t => {
  const app = await buildApp(t, {
    routes (app) {
      app.get('/admin', { preHandler: app.realtime.requires('admin') }, async request => request.principal)
    }
  })
  assert.equal((await app.inject('/admin')).statusCode, 401)
  assert.equal((await app.inject({ url: '/admin', headers: bearer('bob') })).statusCode, 403)
  assert.equal((await app.inject({ url: '/admin', headers: bearer('alice') })).json().id, 'alice')
})

test('authenticate may be a method of an object with state of its own', async t => {
  class Users {
    #known = principals
    authenticate (token: string) { return this.#known[token] ?? null }
    authorize (principal: { id: string }) { return this.#known[principal.id] !== undefined }
  }
  const app = await buildApp(t, { auth: new Users() })
  await inject(app, '/ws/broadcast?channel=any', { token: 'nobody' })
})

test('a principal that its owner changes later is still found, and leaves nothing behind', async t => {
  const mine = { id: 'alice', permissions: ['*'] }
  const app = await buildApp(t, { auth: { authenticate: () => mine } })
  const client = await inject(app, '/ws/echo')
  mine.id = 'mallory'
  mine.permissions.length = 0
  const [connection] = app.realtime.connections
  assert.deepEqual(connection!.principal, { id: 'alice', permissions: ['*'] })
  await client.close()
  await until(() => app.realtime.connections.size === 0)
  assert.equal(app.realtime.connections.ofPrincipal('alice').size, 0)
})

test('an anonymous whose time is over is refused', async t => {
  const app = await buildApp(t, { auth: { authenticate, anonymous: { id: 'guest', permissions: ['echo'], expiresAt: Date.now() - 1 } } })
  await assert.rejects(inject(app, '/ws/echo', { token: '' }), /401/)
})

test("on an application's own route the other subprotocols are still its to select, without the token", async t => {
  const app = await buildApp(t, {
    routes (app) {
      app.get('/plain', { websocket: true, preHandler: app.realtime.requires('plain') }, (socket, request) => {
        socket.send(String(request.headers['sec-websocket-protocol']))
      })
    }
  })
  const base = await listen(app)
  const withHeader = await connect(`${base}/plain`, { protocols: ['v2', 'v1'] })
  assert.equal(withHeader.socket.protocol, 'v2')
  const withToken = await connect(`${base}/plain`, { token: '', protocols: ['bearer', 'alice', 'v1'] })
  assert.equal(await withToken.next(), 'bearer, v1')
})
