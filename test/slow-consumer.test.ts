import assert from 'node:assert/strict'
import { test } from 'node:test'
import { buildApp, listen } from './helpers/app.ts'
import { connect } from './helpers/client.ts'
import { until } from './helpers/until.ts'

const KIB = 1024
const maxBuffered = 256 * KIB
const message = (n: number) => `${n} `.padEnd(16 * KIB, 'x')

test('a reader that stops is closed with 1013 at its bound, while the others get everything in order', async t => {
  const app = await buildApp(t, { limits: { maxBuffered }, closeTimeout: 100 })
  const base = await listen(app)
  const slow = await connect(`${base}/ws/broadcast`)
  const well = await connect(`${base}/ws/broadcast`)
  const [slowConnection] = app.realtime.connections
  slow.socket.pause()
  let most = 0
  for (let n = 0; n < 2000; n++) {
    app.realtime.broadcast(message(n))
    most = Math.max(most, slowConnection!.bufferedAmount)
    assert.ok(String(await well.next()).startsWith(`${n} `))
  }
  assert.ok(most >= maxBuffered && most <= maxBuffered + 17 * KIB, `${most} bytes`)
  await until(() => app.realtime.connections.size === 1)
  const line = app.logged.find(({ msg }) => msg === 'connection ended by slow consumer')
  assert.deepEqual([line?.connectionId, line?.code, line?.reason], [slowConnection!.id, 1013, 'slow consumer'])
  assert.equal(app.realtime.stats().slowConsumers, 1)
})

test("with 'drop' it loses messages instead, which are counted, and gets new ones once it has caught up", async t => {
  const app = await buildApp(t, { limits: { maxBuffered, slowConsumer: 'drop' }, closeTimeout: 100 })
  const client = await connect(`${await listen(app)}/ws/broadcast`)
  const [connection] = app.realtime.connections
  client.socket.pause()
  let sent = 0
  let most = 0
  for (let n = 0; n < 2000; n++) {
    if (connection!.send(message(n))) sent++
    most = Math.max(most, connection!.bufferedAmount)
    if (n % 100 === 0) await new Promise(resolve => setImmediate(resolve))
  }
  assert.ok(most <= maxBuffered + 17 * KIB, `${most} bytes`)
  const { dropped, slowConsumers } = app.realtime.stats()
  assert.equal(dropped, 2000 - sent)
  assert.ok(dropped > 0 && slowConsumers >= 1)
  client.socket.resume()
  const got = (await client.take(sent)).map(text => Number.parseInt(String(text)))
  assert.deepEqual(got, [...got].sort((a, b) => a - b))
  assert.equal(connection!.send('new'), true)
  assert.equal(await client.next(), 'new')
  assert.ok(app.logged.some(({ msg, connectionId }) => msg === 'slow consumer' && connectionId === connection!.id))
})
