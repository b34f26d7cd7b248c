import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { TestContext } from 'node:test'
import { connect, type Socket } from 'node:net'
import { WebSocket } from 'ws'
import { RawClient } from '../helpers/raw-client.ts'
import { fault, size } from './fault.ts'
import { PeerProcess } from './peer-process.ts'
import { ServerProcess } from './server-process.ts'
import { eventually } from './settle.ts'

const CLOSE_TIMEOUT = 2_000 // ms
const AUTH_DELAY = size(1_500, 3_000) // ms: a busy server takes its time to notice those who begin
const TEXT_BEGINS = Buffer.from([0x01, 0x83, 0, 0, 0, 0, 0x61, 0x62, 0x63]) // "abc", with more to come
const HEADER_ALONE = Buffer.from([0x80, 0xfe, 0x01]) // the half of a length

/** A raw upgrade whose answer is looked at later. */
function beginUpgrade (t: TestContext, port: number): { socket: Socket, answer: Promise<string> } {
  const socket = connect({ port, host: '127.0.0.1' })
  t.after(() => { socket.destroy() })
  let answer = ''
  socket.setEncoding('latin1').on('data', chunk => { answer += chunk })
  const ended = new Promise<string>(resolve => {
    socket.on('error', error => { answer ||= String(error) })
    socket.on('close', () => resolve(answer.split('\r\n', 1)[0]!))
  })
  socket.write('GET /ws/echo HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n' +
    'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nAuthorization: Bearer late\r\n\r\n')
  return { socket, answer: ended }
}

fault('F27 SIGTERM under load', async t => {
  const count = size(20, 100)
  // Who does not read is kept, and skips messages: else it would be gone before the end that it is here for.
  const realtime = { closeTimeout: CLOSE_TIMEOUT, heartbeat: false, limits: { slowConsumer: 'drop' } }
  const server = await ServerProcess.start(t, { authDelay: AUTH_DELAY, realtime })
  const socketsBefore = server.sockets
  const url = `${server.url}/ws/broadcast?channel=busy`
  const [readers, stopped, halves] = await Promise.all([
    PeerProcess.start(t, { url, count, token: 'reader' }),
    PeerProcess.start(t, { url, count, token: 'stopped' }),
    Promise.all(Array.from({ length: count }, () => RawClient.connect(server.url, '/ws/echo', 'half')))
  ])
  for (const [n, { socket }] of halves.entries()) socket.write(n % 2 === 0 ? TEXT_BEGINS : Buffer.concat([TEXT_BEGINS, HEADER_ALONE]))
  const talker = new WebSocket(url, { headers: { authorization: 'Bearer talker' } })
  talker.on('error', () => {})
  await once(talker, 'open')
  stopped.signal('SIGSTOP')
  // More than will be sent before the end; the answer never comes, so nobody waits for it.
  server.child.send({ id: 0, command: 'publish', argument: { channel: 'busy', count: 100_000_000, bytes: 1_024 } })
  await eventually(async () => (await server.ask<{ slowConsumers: number }>('stats')).slowConsumers >= count)
  const inAuth = Array.from({ length: count }, () => beginUpgrade(t, server.port))
  await Promise.all(inAuth.map(({ socket }) => once(socket, 'connect')))
  await eventually(() => server.sockets === socketsBefore + 4 * count + 1)

  const since = performance.now()
  const exited = once(server.child, 'exit')
  server.child.kill('SIGTERM')
  const ends = await Promise.all(halves.map(({ ended }) => ended))
  assert.ok(ends.every(end => end !== 'dropped' && end.code === 1001), JSON.stringify(ends))
  // The stopped ones hold the end up, so the server still listens.
  const late = await Promise.all(Array.from({ length: count }, () => beginUpgrade(t, server.port).answer))
  assert.deepEqual(new Set(late), new Set(['HTTP/1.1 503 Service Unavailable']))
  assert.deepEqual(new Set(await Promise.all(inAuth.map(({ answer }) => answer))), new Set(['HTTP/1.1 503 Service Unavailable']))
  await eventually(async () => (await readers.report()).closed === count)
  assert.deepEqual((await readers.report()).closeCodes, { 1001: count })

  const [code, signal] = await exited
  const took = performance.now() - since
  assert.deepEqual([code, signal], [0, null])
  assert.ok(took >= CLOSE_TIMEOUT * 0.9, `after ${took} ms, nobody had to be waited for: the stopped ones were not there`)
  assert.ok(took <= CLOSE_TIMEOUT + 1_000, `exit after ${took} ms`)
  assert.doesNotMatch(server.output, /uncaught|unhandled/i)
  stopped.signal('SIGCONT')
  await eventually(async () => (await stopped.report()).closed === count)
  return `exit 0 after ${Math.round(took)} ms (${CLOSE_TIMEOUT + 1_000} allowed): ${2 * count} got 1001, ${2 * count} 503, ${count} that did not read were dropped`
})
