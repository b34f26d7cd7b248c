import assert from 'node:assert/strict'
import { test } from 'node:test'
import { WebSocket } from 'ws'
import { buildApp, listen } from './helpers/app.ts'
import { connect } from './helpers/client.ts'
import { until } from './helpers/until.ts'

test("with 'close' whoever sends more than it may is ended with 4429", async t => {
  const app = await buildApp(t, { limits: { messageRate: { messages: 5, per: 60_000, onExceed: 'close' } } })
  const client = await connect(`${await listen(app)}/ws/echo`)
  for (let n = 0; n < 5; n++) client.send(`${n}`)
  assert.deepEqual(await client.take(5), ['0', '1', '2', '3', '4'])
  client.send('one too many')
  assert.deepEqual(await client.closed, { code: 4429, reason: 'too many messages' })
  assert.deepEqual(client.unread, [])
  await until(() => app.realtime.connections.size === 0)
  assert.equal(app.logged.find(({ msg }) => msg === 'connection ended')?.endedBy, 'message rate')
})

test("with 'pause' it is held back by TCP: nothing is lost, and the rate is kept", async t => {
  const app = await buildApp(t, { limits: { messageRate: { messages: 20, per: 100, burst: 5, onExceed: 'pause' } } })
  const client = await connect(`${await listen(app)}/ws/echo`)
  const since = performance.now()
  for (let n = 0; n < 65; n++) client.send(`${n}`)
  assert.deepEqual(await client.take(65), Array.from({ length: 65 }, (_none, n) => `${n}`))
  const took = performance.now() - since
  assert.ok(took >= 295, `${took} ms`) // 60 messages beyond the burst at 200 a second
})

test('whoever is held back is not taken for dead, and gets a flood of large messages through bounded memory', async t => {
  const app = await buildApp(t, {
    heartbeat: { interval: 30, timeout: 30 },
    limits: { messageRate: { messages: 1, per: 20, onExceed: 'pause' } }
  })
  const client = await connect(`${await listen(app)}/ws/echo`)
  for (let n = 0; n < 400; n++) client.send('x'.repeat(60_000))
  await client.take(20)
  assert.equal(client.socket.readyState, WebSocket.OPEN)
  assert.ok(client.socket.bufferedAmount > 0)
  assert.ok(app.realtime.stats().messagesIn < 60)
  client.socket.terminate()
  await until(() => app.realtime.connections.size === 0)
})

test('on an accepted socket the rate is kept as well', async t => {
  for (const onExceed of ['pause', 'close'] as const) {
    const got: number[] = []
    const app = await buildApp(t, {
      limits: { messageRate: { messages: 1, per: 20, burst: 2, onExceed } },
      routes (app) {
        app.get('/plain', { websocket: true, preHandler: app.realtime.requires('plain') }, (socket, request) => {
          app.realtime.accept(socket, request)
          socket.on('message', () => { got.push(performance.now()) })
        })
      }
    })
    const client = await connect(`${await listen(app)}/plain`)
    for (let n = 0; n < 100; n++) client.send('x'.repeat(60_000))
    if (onExceed === 'close') assert.equal((await client.closed).code, 4429)
    else {
      await until(() => got.length >= 10)
      assert.ok(got[9]! - got[0]! >= 100)
      client.socket.terminate()
    }
  }
})
