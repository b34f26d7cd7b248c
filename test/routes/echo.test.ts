import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { buildApp, listen } from '../helpers/app.ts'
import { connect, inject } from '../helpers/client.ts'

const messages: Array<string | Buffer> = [
  'hello', '', 'Ünïcode 😀', ' ', '{"a":1}', 'x'.repeat(125), 'x'.repeat(126), 'x'.repeat(65_536),
  Buffer.from('hello'), Buffer.alloc(0), Buffer.from([0, 255, 128]), randomBytes(65_536)
]

test('every message comes back byte for byte, text as text and binary as binary', async t => {
  const app = await buildApp(t)
  for (const client of [await inject(app, '/ws/echo'), await connect(`${await listen(app)}/ws/echo`)]) {
    for (const message of messages) client.send(message)
    assert.deepEqual(await client.take(messages.length), messages)
  }
})

test('a prefix is put before a text and not before bytes', async t => {
  const app = await buildApp(t, { echo: { prefix: 'Server: ' } })
  const client = await inject(app, '/ws/echo')
  client.send('hi')
  client.send(Buffer.from('hi'))
  assert.deepEqual(await client.take(2), ['Server: hi', Buffer.from('hi')])
})

test('a message over maxPayload closes with 1009, whether it comes in one piece or in fragments', async t => {
  const app = await buildApp(t, { limits: { maxPayload: 100 } })
  const base = await listen(app)
  const whole = await connect(`${base}/ws/echo`)
  whole.send('x'.repeat(101))
  assert.equal((await whole.closed).code, 1009)
  const fragmented = await connect(`${base}/ws/echo`)
  fragmented.socket.send('x'.repeat(60), { fin: false })
  fragmented.socket.send('x'.repeat(41), { fin: true })
  assert.equal((await fragmented.closed).code, 1009)
  assert.equal(app.realtime.connections.size, 0)
  const ends = app.logged.filter(({ msg }) => msg === 'connection ended')
  assert.deepEqual(ends.map(({ code, endedBy }) => [code, endedBy]), [[1009, 'protocol error'], [1009, 'protocol error']])
})

test('echo: false leaves the route out', async t => {
  const app = await buildApp(t, { echo: false })
  await assert.rejects(inject(app, '/ws/echo'), /404/)
})

test('another prefix moves the routes', async t => {
  const app = await buildApp(t, { prefix: '/live/v1' })
  await inject(app, '/live/v1/echo')
  await assert.rejects(inject(app, '/ws/echo'), /404/)
})
