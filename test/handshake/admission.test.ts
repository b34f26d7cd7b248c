import assert from 'node:assert/strict'
import { test } from 'node:test'
import { authenticate, bearer, buildApp, listen } from '../helpers/app.ts'
import { connect, inject } from '../helpers/client.ts'
import { until } from '../helpers/until.ts'

const upgrade = { connection: 'upgrade', upgrade: 'websocket' }

test('beyond maxConnections a handshake is 503 with Retry-After, and a place that gets free is given again', async t => {
  const app = await buildApp(t, { limits: { maxConnections: 2 } })
  const base = await listen(app)
  const first = await connect(`${base}/ws/echo`)
  await connect(`${base}/ws/broadcast`)
  await assert.rejects(connect(`${base}/ws/echo`), /503/)
  const response = await app.inject({ url: '/ws/echo', headers: { ...upgrade, ...bearer('alice') } })
  assert.equal(response.statusCode, 503)
  assert.equal(response.json().code, 'FST_RT_TOO_MANY_CONNECTIONS')
  assert.equal(response.headers['retry-after'], '10')
  await first.close()
  await until(() => app.realtime.connections.size === 1)
  await connect(`${base}/ws/echo`)
})

test('many handshakes at once get no more places than there are, and refused ones keep none', async t => {
  const app = await buildApp(t, {
    limits: { maxConnections: 5 },
    auth: {
      async authenticate (token) {
        await new Promise(resolve => setTimeout(resolve, 20))
        return authenticate(token)
      }
    }
  })
  const base = await listen(app)
  const wrong = await Promise.allSettled(Array.from({ length: 20 }, () => connect(`${base}/ws/echo`, { token: 'wrong' })))
  assert.ok(wrong.every(({ status }) => status === 'rejected'))
  const right = await Promise.allSettled(Array.from({ length: 20 }, () => connect(`${base}/ws/echo`)))
  assert.equal(right.filter(({ status }) => status === 'fulfilled').length, 5)
  assert.equal(app.realtime.connections.size, 5)
})

test('an address has its own bound, counted before authentication and as far as proxies are trusted', async t => {
  let asked = 0
  const app = await buildApp(t, {
    fastify: { trustProxy: true },
    limits: { maxConnectionsPerIp: 1 },
    auth: {
      authenticate (token) {
        asked++
        return authenticate(token)
      }
    }
  })
  const base = await listen(app)
  const from = (address: string) => connect(`${base}/ws/echo`, { headers: { 'x-forwarded-for': address } })
  await from('10.0.0.1')
  await assert.rejects(from('10.0.0.1'), /429/)
  assert.equal(asked, 1)
  await from('10.0.0.2')
  assert.deepEqual([...app.realtime.connections].map(({ remoteAddress }) => remoteAddress), ['10.0.0.1', '10.0.0.2'])
})

test('a principal has its own bound, whatever addresses and routes it comes by', async t => {
  const app = await buildApp(t, {
    limits: { maxConnectionsPerPrincipal: 2 },
    routes: app => { app.get('/plain', { websocket: true, preHandler: app.realtime.requires('plain') }, () => {}) }
  })
  await inject(app, '/ws/echo')
  const plain = await inject(app, '/plain')
  await assert.rejects(inject(app, '/ws/broadcast'), /429/)
  await inject(app, '/ws/echo', { token: 'bob' })
  const response = await app.inject({ url: '/ws/echo', headers: { ...upgrade, ...bearer('alice') } })
  assert.equal(response.json().code, 'FST_RT_TOO_MANY_OF_PRINCIPAL')
  await plain.close()
  await inject(app, '/ws/broadcast')
})
