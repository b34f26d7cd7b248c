import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test, type TestContext } from 'node:test'
import type { Connection } from '../../src/index.ts'
import { buildApp, type BuildOptions, listen, type TestApp } from '../helpers/app.ts'
import { runPython } from '../helpers/python.ts'

const script = new URL('python-client.py', import.meta.url)

/** What the client saw, by its own account. */
async function play (scenario: string, url: string): Promise<unknown> {
  const { stdout, stderr, exitCode } = await runPython(script, [scenario, url])
  assert.equal(exitCode, 0, stderr)
  return JSON.parse(stdout)
}

/** A Python client that only listens, and the connection it has. `seen` is what it has heard once that has ended. */
async function connectIdle (t: TestContext, options: BuildOptions = {}): Promise<{ app: TestApp, connection: Connection, seen: Promise<unknown> }> {
  let opened!: (connection: Connection) => void
  const accepted = new Promise<Connection>(resolve => { opened = resolve })
  const app = await buildApp(t, {
    ...options,
    routes: app => app.realtime.route({ url: '/idle' }, { open: connection => opened(connection) })
  })
  const seen = play('idle', await listen(app))
  const connection = await Promise.race([accepted, seen.then(() => assert.fail('It has ended without a connection'))])
  return { app, connection, seen }
}

/** Resolves when the only client has answered that many pings. */
async function pongs (app: TestApp, count: number): Promise<void> {
  const [socket] = app.websocketServer.clients
  assert.ok(socket)
  for (let answered = 0; answered < count; answered++) await once(socket, 'pong')
}

test('a Python client gets every kind of message back as it sent it, up to 65,536 bytes', async t => {
  const url = await listen(await buildApp(t))
  assert.deepEqual(await play('echo', url), {
    text: 'the same',
    binary: 'the same',
    'empty text': 'the same',
    'empty binary': 'the same',
    unicode: 'the same',
    'largest text': 'the same',
    'largest text of two-byte characters': 'the same',
    'largest binary': 'the same'
  })
})

test('a Python client gets in with its token in the header, or among the subprotocols, of which bearer is selected', async t => {
  const url = await listen(await buildApp(t))
  assert.deepEqual(await play('protocol', url), { header: null, subprotocol: 'bearer', reply: 'hello' })
})

test('a Python client is refused with 401 without a token or with a wrong one, and with 403 without the permission', async t => {
  const url = await listen(await buildApp(t))
  assert.deepEqual(await play('refused', url), [401, 401, 403])
})

test('a Python client that sends 65,537 bytes is closed with 1009', async t => {
  const url = await listen(await buildApp(t))
  assert.deepEqual(await play('too_big', url), [{ code: 1009, reason: '' }, { code: 1009, reason: '' }])
})

test('a broadcast reaches every other Python client once, and not its sender', async t => {
  const url = await listen(await buildApp(t))
  assert.deepEqual(await play('broadcast', url), [
    [{ bytes: 'from two' }, 'from three'],
    ['from one', 'from three'],
    ['from one', { bytes: 'from two' }]
  ])
})

test('a Python client that broadcasts to ?channel=news reaches who is there and nobody else', async t => {
  const url = await listen(await buildApp(t))
  assert.deepEqual(await play('channel', url), { speaker: [], listener: ['news'], elsewhere: [] })
})

test('a Python client that may only listen is closed with 1008 when it speaks, and nobody hears it', async t => {
  const url = await listen(await buildApp(t))
  assert.deepEqual(await play('speaking_listener', url), { goodbye: { code: 1008, reason: 'not permitted' }, others: [] })
})

test('app.close() says 1001 to a Python client', async t => {
  const { app, seen } = await connectIdle(t)
  await app.close()
  assert.deepEqual(await seen, { first: null, goodbye: { code: 1001, reason: 'server shutting down' } })
})

test('an idle Python client answers the heartbeat and stays connected', async t => {
  const { app, connection, seen } = await connectIdle(t, { heartbeat: { interval: 100, timeout: 100 } })
  await Promise.race([pongs(app, 5), seen.then(() => assert.fail('It has ended before its fifth pong'))])
  assert.equal(typeof connection.latency, 'number')
  assert.equal(connection.send('still here'), true)
  connection.close()
  assert.deepEqual(await seen, { first: 'still here', goodbye: { code: 1000, reason: '' } })
  assert.equal(app.realtime.stats().heartbeatTimeouts, 0)
})
