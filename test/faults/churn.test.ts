import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { fault, size } from './fault.ts'
import { ServerProcess } from './server-process.ts'
import { assertSettled } from './settle.ts'

const AT_ONCE = 40
const SAMPLES = size(6, 20)

/** A frame with a mask of zeros, which leaves the payload as it is. */
function frame (head: number, payload = ''): Buffer {
  return Buffer.concat([Buffer.from([head, 0x80 | payload.length, 0, 0, 0, 0]), Buffer.from(payload)])
}

const CLOSE = frame(0x88)

interface Kind {
  readonly path?: string
  readonly token?: string
  /** What the answer begins with, unless the client does not wait for one. */
  readonly answer?: string
  /** What the client does then; the server does the rest. */
  end (socket: Socket): void
}

/** All the ways in which a connection, or what should have become one, comes to its end. */
const kinds: readonly Kind[] = [
  { answer: '101', end: socket => { socket.write(CLOSE) } },
  { answer: '101', end: socket => { socket.write(Buffer.concat([frame(0x81, 'hello'), CLOSE])) } },
  { answer: '101', end: socket => { socket.end() } },
  { answer: '101', end: socket => { socket.resetAndDestroy() } },
  { answer: '101', end: socket => { socket.end(frame(0x01, 'the first half')) } }, // leaves in the middle of a message
  { answer: '101', end: socket => { socket.end(Buffer.from([0x81, 0xfe, 0x10])) } }, // ... and of a header
  { answer: '101', end: socket => { socket.write(Buffer.from('81057061696e21', 'hex')) } }, // not masked: 1002
  { answer: '101', end: socket => { socket.write(Buffer.from([0x82, 0xff, 0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0])) } }, // too large: 1009
  { answer: '101', path: '/ws/broadcast', end: socket => { socket.end(Buffer.concat([frame(0x81, 'to all'), CLOSE])) } },
  { answer: '401', token: 'wrong', end () {} },
  { answer: '404', path: '/ws/nothing-here', end () {} },
  { answer: '400', path: '/ws/%zz', end: socket => { socket.destroy() } }, // nobody reads from it any more: gone with the handshake timeout
  { end: socket => { socket.destroy() } },
  { end: socket => { socket.resetAndDestroy() } }
]

/** One connection from its beginning to its end, both sides closed. */
async function cycle (port: number, n: number): Promise<void> {
  const { path, token = `somebody-${n}`, answer, end } = kinds[n % kinds.length]!
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  socket.on('error', () => {})
  const closed = new Promise(resolve => socket.on('close', resolve))
  // Every one in a channel and as a principal of its own, so that nothing that is kept for them could be shared.
  socket.write(`GET ${path ?? `/ws/broadcast?channel=channel-${n}`} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
    `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\nAuthorization: Bearer ${token}\r\n\r\n`)
  if (answer === undefined) {
    await once(socket, 'connect')
  } else {
    const [chunk] = await once(socket, 'data') as [Buffer]
    assert.equal(chunk.toString('latin1', 9, 12), answer)
    socket.resume()
  }
  end(socket)
  await closed
}

/** Growth of the fitted line from the first sample to the last, as a part of their mean. */
function growth (samples: readonly number[]): number {
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
  const [middle, average] = [(samples.length - 1) / 2, mean(samples)]
  const slope = mean(samples.map((sample, i) => (i - middle) * (sample - average))) / mean(samples.map((_, i) => (i - middle) ** 2))
  return slope * (samples.length - 1) / average
}

fault('F22 connect and close cycles', async t => {
  const cycles = size(5_000, 200_000)
  const limits = { handshakeTimeout: 500, maxConnections: 10_000, maxConnectionsPerIp: 10_000, maxConnectionsPerPrincipal: 10, messageRate: { messages: 10, per: 1_000, onExceed: 'close' } }
  const server = await ServerProcess.start(t, { execArgv: ['--expose-gc'], realtime: { limits } })
  const socketsBefore = server.sockets
  const heap: number[] = []
  let next = 0
  while (heap.length < SAMPLES) {
    const end = cycles * (heap.length + 1) / SAMPLES
    await Promise.all(Array.from({ length: AT_ONCE }, async () => { while (next < end) await cycle(server.port, next++) }))
    await assertSettled(server, { connections: 0, socketsBefore })
    heap.push(await server.ask<number>('heap'))
  }
  const { channels } = await server.ask<{ channels: number }>('stats')
  assert.equal(channels, 0)
  const second = growth(heap.slice(SAMPLES / 2))
  const megabytes = (bytes: number) => (bytes / 2 ** 20).toFixed(2)
  const figure = `${cycles} cycles of ${kinds.length} kinds, heap ${megabytes(heap[0]!)} .. ${megabytes(heap[SAMPLES / 2]!)} .. ${megabytes(heap.at(-1)!)} MB, ` +
    `${(second * 100).toFixed(2)} % over the second half`
  assert.ok(second < 0.01, figure)
  return figure
})
