import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { buildApp, listen, principals } from '../helpers/app.ts'
import { connect } from '../helpers/client.ts'
import { assertUnharmed, eventually, inParallel, Peer, type Stats, upgrade, type UpgradeRequest } from './attack.ts'
import { fault, size } from './fault.ts'
import { ServerProcess } from './server-process.ts'

const HANDSHAKE_TIMEOUT = 1_000
/** What the outcome allows a socket beyond the deadline. */
const GRACE = 1_000

/** What a client may do once it has been refused. */
const leavings: ReadonlyArray<(peer: Peer) => void> = [
  peer => { peer.socket.end() },
  peer => { peer.socket.resetAndDestroy() },
  () => {} // it stays
]

interface Refusal {
  readonly request: UpgradeRequest
  readonly status: number
}

interface Group {
  /** Limits under which one connection that holds its place makes the next one too many. */
  readonly limits?: object
  readonly refusals: Readonly<Record<string, Refusal>>
}

const groups: Readonly<Record<string, Group>> = {
  'bad URL, 401, 403, 404': {
    refusals: {
      'bad URL': { request: { path: '/ws/%zz' }, status: 400 },
      401: { request: { token: 'wrong' }, status: 401 },
      403: { request: { headers: { Origin: 'http://evil.example' } }, status: 403 },
      404: { request: { path: '/ws/nowhere' }, status: 404 }
    }
  },
  429: { limits: { maxConnectionsPerIp: 1 }, refusals: { 429: { request: {}, status: 429 } } },
  503: { limits: { maxConnections: 1 }, refusals: { 503: { request: {}, status: 503 } } },
  'bad version, bad key, POST': {
    refusals: {
      'bad version': { request: { headers: { 'Sec-WebSocket-Version': '7' } }, status: 400 },
      'bad key': { request: { headers: { 'Sec-WebSocket-Key': 'short' } }, status: 400 },
      POST: { request: { method: 'POST', headers: { 'Content-Length': '0' } }, status: 404 }
    }
  },
  // RFC 6455, section 4.2.1: it must be HTTP/1.1 or higher, and have a Host.
  'HTTP/1.0': { refusals: { 'HTTP/1.0': { request: { httpVersion: '1.0' }, status: 400 } } },
  'no Host': { refusals: { 'no Host': { request: { headers: { Host: undefined } }, status: 400 } } }
}

for (const [name, { limits, refusals }] of Object.entries(groups)) {
  fault(`F1 refused upgrades, ${name}`, async t => {
    const count = size(30, 500)
    const server = await ServerProcess.start(t, { realtime: { limits: { handshakeTimeout: HANDSHAKE_TIMEOUT, ...limits } } })
    const baseline = server.sockets
    const holder = limits === undefined ? undefined : await connect(`${server.url}/ws/echo`)
    const held = holder === undefined ? 0 : 1
    for (const [kind, { request, status }] of Object.entries(refusals)) {
      const peers = await inParallel(count, 50, async index => {
        const peer = await Peer.dial(server.port, upgrade(request))
        assert.equal(await peer.status(), status, kind)
        leavings[index % leavings.length]!(peer)
        return peer
      })
      const left = () => server.sockets - baseline - held
      await eventually(HANDSHAKE_TIMEOUT + GRACE, () => `${kind}: ${left()} of ${count} sockets are left`, () => left() <= 0)
      assert.equal((await server.ask<Stats>('stats')).size, held)
      for (const { socket } of peers) socket.destroy()
    }
    await holder?.close()
    await assertUnharmed(server, { baseline })
    return `${count} of each answered, 0 sockets left`
  })
}

/** Hooks that answer before @fastify/websocket's own hook has seen the request. */
const earlyHooks: Readonly<Record<string, { readonly status: number, readonly add: (app: FastifyInstance) => void }>> = {
  'an error thrown in a hook before the plugin': {
    status: 500,
    add: app => { app.addHook('onRequest', async () => { throw new Error('a hook failed') }) }
  },
  'a 401 from a hook before the plugin': {
    status: 401,
    add: app => { app.addHook('onRequest', async (_request, reply) => reply.code(401).send({ error: 'no' })) }
  },
  // As @fastify/under-pressure does it.
  'a 503 from a callback hook before the plugin': {
    status: 503,
    add: app => {
      app.addHook('onRequest', (_request, reply, done) => {
        reply.header('Retry-After', 10)
        done(Object.assign(new Error('Service Unavailable'), { statusCode: 503 }))
      })
    }
  }
}

for (const [kind, { status, add }] of Object.entries(earlyHooks)) {
  fault(`F1 refused upgrades, ${kind}`, async t => {
    const count = size(30, 500)
    const app = await buildApp(t, { before: add, limits: { handshakeTimeout: HANDSHAKE_TIMEOUT } })
    const accepted = new Set<Socket>()
    app.server.on('connection', socket => {
      accepted.add(socket)
      socket.once('close', () => accepted.delete(socket))
    })
    const port = Number(new URL(await listen(app)).port)
    const peers = await inParallel(count, 50, async index => {
      const peer = await Peer.dial(port, upgrade())
      assert.equal(await peer.status(), status)
      leavings[index % leavings.length]!(peer)
      return peer
    })
    await eventually(HANDSHAKE_TIMEOUT + GRACE, () => `${accepted.size} of ${count} sockets are left`, () => accepted.size === 0)
    assert.equal(app.realtime.connections.size, 0)
    for (const { socket } of peers) socket.destroy()
    const start = performance.now()
    await app.close()
    assert.ok(performance.now() - start < 6_000)
    return `${count} answered with ${status}, 0 sockets left`
  })
}

fault('F3 auth that hangs', async t => {
  const count = size(50, 500)
  const server = await ServerProcess.start(t, { authDelay: -1, realtime: { limits: { handshakeTimeout: HANDSHAKE_TIMEOUT } } })
  const baseline = server.sockets
  const answers = await inParallel(count, count, async () => {
    const peer = await Peer.dial(server.port, upgrade({ path: '/ws/counted' }))
    const start = performance.now()
    assert.equal(await peer.status(), 503)
    assert.match(peer.body.toString(), /FST_RT_HANDSHAKE_TIMEOUT/)
    const taken = performance.now() - start
    await peer.ended
    return { peer, taken }
  })
  const latest = Math.max(...answers.map(({ taken }) => taken))
  assert.ok(latest < HANDSHAKE_TIMEOUT + GRACE, `the last 503 came after ${latest} ms`)
  assert.equal((await server.ask<Stats>('stats')).opened, 0)
  await assertUnharmed(server, { baseline })
  for (const { peer } of answers) peer.socket.destroy()
  return `${count} answered with 503 within ${Math.round(latest)} ms, handler called 0 times`
})

fault('F3 auth that rejects, throws, answers twice', async t => {
  const count = size(20, 200)
  let opened = 0
  const twice = { then (resolve: (principal: unknown) => void) { resolve(null); resolve(principals.alice) } }
  const answers: Record<string, () => unknown> = {
    rejects: () => Promise.reject(new Error('no')),
    throws: () => { throw new Error('no') },
    'throws undefined': () => { throw undefined }, // eslint-disable-line no-throw-literal
    'answers twice': () => twice,
    'answers and then throws': () => ({ then (resolve: (principal: null) => void) { resolve(null); throw new Error('no') } })
  }
  const app = await buildApp(t, {
    auth: { authenticate: token => answers[decodeURIComponent(token)]!() as Promise<null> },
    routes: app => { app.realtime.route({ url: '/mine' }, { open () { opened++ } }) }
  })
  const port = Number(new URL(await listen(app)).port)
  for (const answer of Object.keys(answers)) {
    await inParallel(count, 20, async () => {
      const peer = await Peer.dial(port, upgrade({ path: '/ws/mine', token: encodeURIComponent(answer) }))
      assert.equal(await peer.status(), 401, answer)
      await peer.ended
      peer.socket.destroy()
    })
  }
  assert.equal(opened, 0)
  assert.equal(app.realtime.connections.size, 0)
  return `${count} of each answered with 401, handler called 0 times`
})

for (const [how, leave] of Object.entries({ FIN: leavings[0]!, RST: leavings[1]! })) {
  fault(`F4 the client leaves during auth, ${how}`, async t => {
    const count = size(50, 500)
    const server = await ServerProcess.start(t, { authDelay: 1_000 })
    const baseline = server.sockets
    const peers = await inParallel(count, count, () => Peer.dial(server.port, upgrade({ path: '/ws/counted' })))
    await eventually(5_000, () => 'the server has not taken them all', () => server.sockets === baseline + count)
    for (const peer of peers) leave(peer)
    await eventually(5_000, () => `${server.sockets - baseline} of ${count} sockets are left`, () => server.sockets === baseline)
    const { opened, size: registered } = await server.ask<Stats>('stats')
    assert.deepEqual({ opened, registered }, { opened: 0, registered: 0 })
    for (const { socket } of peers) socket.destroy()
    await assertUnharmed(server, { baseline })
    return `${count} left, handler called 0 times`
  })
}
