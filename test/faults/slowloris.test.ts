import assert from 'node:assert/strict'
import { assertUnharmed, eventually, inParallel, p99, Peer, type Stats, upgrade } from './attack.ts'
import { fault, isFull, size } from './fault.ts'
import { ServerProcess, type ServerOptions } from './server-process.ts'

const HANDSHAKE_TIMEOUT = 1_000

/** Good clients, one after the other, until the attack is over. Returns how long each took to get in, ms. */
async function connectMeanwhile (server: ServerProcess, isOver: () => boolean): Promise<number[]> {
  const times: number[] = []
  while (!isOver()) {
    const start = performance.now()
    const peer = await Peer.dial(server.port, upgrade())
    assert.equal(await peer.status(), 101)
    times.push(performance.now() - start)
    peer.socket.resetAndDestroy()
  }
  return times
}

function assertGoodClientsGotIn (times: readonly number[]): string {
  assert.ok(times.length > 20, `only ${times.length} good clients tried`)
  const slowest = p99(times)
  assert.ok(slowest < 500, `connect p99 ${slowest} ms`)
  return `${times.length} good clients got in, connect p99 ${slowest.toFixed(1)} ms`
}

fault('F5 slow handshakes that have reached the upgrade', async t => {
  const count = size(200, 1_000)
  const server = await ServerProcess.start(t, { realtime: { limits: { handshakeTimeout: HANDSHAKE_TIMEOUT } } })
  const baseline = server.sockets
  let isOver = false
  const good = connectMeanwhile(server, () => isOver)
  const start = performance.now()
  const peers = await inParallel(count, 100, async () => {
    const peer = await Peer.dial(server.port, upgrade({ token: 'hangs', path: '/ws/counted' }))
    return peer
  })
  await Promise.all(peers.map(async peer => {
    assert.equal(await peer.status(), 503)
    await peer.ended
  }))
  const taken = performance.now() - start
  isOver = true
  const figure = assertGoodClientsGotIn(await good)
  assert.ok(taken < HANDSHAKE_TIMEOUT + 1_500, `the last was cut after ${taken} ms`)
  assert.equal((await server.ask<Stats>('stats')).opened, 0)
  await assertUnharmed(server, { baseline })
  for (const { socket } of peers) socket.destroy()
  return `${count} cut within ${Math.round(taken)} ms, ${figure}`
})

const HALF = upgrade().slice(0, -20)

/** Halves of a request never reach the upgrade, nor any code of ours: it is Node's server that gives them up. */
async function sendHalfRequests (server: ServerProcess, count: number, limit: number): Promise<string> {
  const baseline = server.sockets
  let isOver = false
  const good = connectMeanwhile(server, () => isOver)
  const start = performance.now()
  // Every other one goes on sending a byte at a time, of a header that has no end.
  const peers = await inParallel(count, 100, () => Peer.dial(server.port, HALF))
  const trickle = setInterval(() => { for (let n = 0; n < count; n += 2) if (!peers[n]!.hasEnded) peers[n]!.socket.write('a') }, 500)
  try {
    await eventually(limit, () => `${peers.filter(peer => !peer.hasEnded).length} of ${count} are still there after ${limit} ms`, () => peers.every(peer => peer.hasEnded))
  } finally {
    clearInterval(trickle)
    isOver = true
  }
  const taken = performance.now() - start
  const figure = assertGoodClientsGotIn(await good)
  await assertUnharmed(server, { baseline })
  for (const { socket } of peers) socket.destroy()
  return `${count} cut within ${Math.round(taken)} ms, ${figure}`
}

fault('F5 half a handshake, with the timeouts of Node set to the deadline', async t => {
  const http: ServerOptions['http'] = { headersTimeout: HANDSHAKE_TIMEOUT, connectionsCheckingInterval: 250 }
  const server = await ServerProcess.start(t, { http, realtime: { limits: { handshakeTimeout: HANDSHAKE_TIMEOUT } } })
  return sendHalfRequests(server, size(200, 1_000), HANDSHAKE_TIMEOUT + 1_500)
})

if (isFull) {
  // Node gives up half a head after 60 s, and looks for such every 30 s.
  fault('F5 half a handshake, with the timeouts that Node has', async t => {
    const server = await ServerProcess.start(t, { realtime: { limits: { handshakeTimeout: HANDSHAKE_TIMEOUT } } })
    return sendHalfRequests(server, 1_000, 95_000)
  })
}
