import assert from 'node:assert/strict'
import { test } from 'node:test'
import { WebSocket } from 'ws'
import type { Frame } from '../src/core/frame.ts'
import { Outlet } from '../src/core/outlet.ts'
import { buildApp, listen } from './helpers/app.ts'
import { connect, inject } from './helpers/client.ts'
import { Crowd } from './helpers/crowd.ts'
import { until } from './helpers/until.ts'

const heartbeat = { interval: 200, timeout: 100 }

test('a dead peer is terminated within interval and timeout, and named in the log', async t => {
  const app = await buildApp(t, { heartbeat })
  const since = performance.now()
  const dead = await inject(app, '/ws/echo', { pongs: false })
  const live = await inject(app, '/ws/echo')
  const [connection] = app.realtime.connections
  assert.equal((await dead.closed).code, 1006)
  const took = performance.now() - since
  assert.ok(took >= 290 && took < 600, `${took} ms`)
  assert.equal(app.realtime.connections.size, 1)
  assert.equal(app.realtime.stats().heartbeatTimeouts, 1)
  const line = app.logged.find(({ msg }) => msg === 'connection ended by heartbeat')
  assert.deepEqual([line?.connectionId, line?.code, line?.reason, line?.endedBy], [connection!.id, 1006, 'no answer to the heartbeat', 'heartbeat'])
  live.send('x')
  assert.equal(await live.next(), 'x')
})

test('a peer that answers stays, and its latency is measured', async t => {
  const app = await buildApp(t, { heartbeat })
  const client = await inject(app, '/ws/echo')
  const [connection] = app.realtime.connections
  assert.equal(connection!.latency, undefined)
  let pings = 0
  client.socket.on('ping', () => { pings++ })
  await until(() => pings >= 4)
  assert.equal(client.socket.readyState, WebSocket.OPEN)
  assert.ok(connection!.latency !== undefined && connection!.latency >= 0 && connection!.latency < 100)
})

test('a peer that talks lives without ever sending a pong', async t => {
  const app = await buildApp(t, { heartbeat })
  const client = await connect(`${await listen(app)}/ws/echo`)
  client.socket.pong = () => {}
  const since = performance.now()
  while (performance.now() - since < 1000) {
    client.send('x')
    await client.next()
  }
  assert.equal(client.socket.readyState, WebSocket.OPEN)
})

test('a connection that this side is closing is not judged by the heartbeat', async t => {
  const app = await buildApp(t, { heartbeat: { interval: 20, timeout: 20 }, closeTimeout: 300 })
  const client = await connect(`${await listen(app)}/ws/echo`)
  client.socket.pause()
  const since = performance.now()
  await app.realtime.disconnect('alice')
  await until(() => app.realtime.connections.size === 0)
  assert.ok(performance.now() - since >= 299)
  assert.equal(app.realtime.stats().heartbeatTimeouts, 0)
})

test('heartbeat: false pings nobody', async t => {
  const app = await buildApp(t, { heartbeat: false })
  const client = await inject(app, '/ws/echo')
  const [connection] = app.realtime.connections
  client.send('x')
  await client.next()
  assert.equal(connection!.latency, undefined)
})

test('a stall of three intervals right inside the heartbeat, over and over, drops none of 200 live peers', async t => {
  const interval = 300
  const app = await buildApp(t, { heartbeat: { interval, timeout: 300 }, fastify: { logger: false } })
  const crowd = await Crowd.connect(t, `${await listen(app)}/ws/echo`, 200)
  const push = Outlet.prototype.push
  let stalls = 0
  let pings = 0
  // The first ping of a tick queues the stall: the pongs come while nobody reads, and the timers wake before them.
  t.mock.method(Outlet.prototype, 'push', function (this: Outlet, frame: Frame) {
    push.call(this, frame)
    if (frame.isPing && pings++ % 150 === 0) setImmediate(stall)
  })
  function stall (): void {
    const end = performance.now() + 3 * interval
    while (performance.now() < end) { /* busy */ }
    stalls++
  }
  await until(() => stalls >= 4)
  await until(() => pings > 900)
  const { closed } = await crowd.report()
  assert.equal(closed, 0)
  assert.equal(app.realtime.connections.size, 200)
  assert.equal(app.realtime.stats().heartbeatTimeouts, 0)
})
