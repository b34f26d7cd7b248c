import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { Crowd } from '../helpers/crowd.ts'
import { CannotProvoke, fault, size } from './fault.ts'
import { Namespace } from './namespace.ts'
import { PeerProcess } from './peer-process.ts'
import { ServerProcess } from './server-process.ts'
import { assertSettled, eventually, throughout } from './settle.ts'

const heartbeat = { interval: 1_000, timeout: 500 }
const MAX_BLOCK = 25 // ms
const TICK = 25 // ms, as long as the heartbeat makes it for this timeout

interface Stats {
  readonly size: number
  readonly heartbeatTimeouts: number
}

/** When the server dropped each connection that belongs to a principal, by its own log. Epoch ms. */
function dropTimes ({ output }: ServerProcess, principal: string): number[] {
  return output.split('\n')
    .filter(line => line.includes('connection ended by heartbeat'))
    .map(line => JSON.parse(line) as { principal: string, time: number })
    .filter(line => line.principal === principal)
    .map(({ time }) => time)
}

/** Connects the living and the dying, lets the latter fall silent, and asserts that just those are found in time. */
async function findTheDead (t: TestContext, namespace: Namespace | undefined, silence: (dying: PeerProcess) => void): Promise<string> {
  const server = await ServerProcess.start(t, { realtime: { heartbeat }, namespace: namespace?.name })
  const socketsBefore = server.sockets
  const count = size(100, 500)
  const url = `${server.url}/ws/echo`
  const healthy = await PeerProcess.start(t, { url, count, token: 'healthy', namespace: namespace?.name })
  const dying = await PeerProcess.start(t, { url, count, token: 'dying', localAddress: '127.0.0.2', namespace: namespace?.name })
  // Long enough for pings of every phase to be on their way when it happens.
  await throughout(heartbeat.interval + heartbeat.timeout, async () => assert.equal((await server.ask<Stats>('stats')).heartbeatTimeouts, 0))

  const since = Date.now()
  silence(dying)
  await eventually(() => dropTimes(server, 'dying').length === count)
  const slowest = Math.max(...dropTimes(server, 'dying')) - since
  const bound = Math.round((heartbeat.interval + heartbeat.timeout) * 1.1) + TICK
  assert.ok(slowest <= bound, `the last was found after ${slowest} ms, ${bound} ms are allowed`)

  await throughout(heartbeat.interval + heartbeat.timeout, async () => assert.equal((await server.ask<Stats>('stats')).heartbeatTimeouts, count))
  assert.deepEqual(dropTimes(server, 'healthy'), [])
  assert.equal((await healthy.report()).closed, 0)
  await assertSettled(server, { connections: count, socketsBefore })
  return `${count} of ${count} found, the last after ${slowest} ms (${bound} allowed), 0 of ${count} false`
}

fault('F17 half-open peers, no FIN', async t => {
  const namespace = Namespace.create(t)
  return findTheDead(t, namespace, () => namespace.cutOff('127.0.0.2'))
})

fault('F17 peers whose process is stopped', async t => findTheDead(t, undefined, dying => dying.signal('SIGSTOP')))

fault('F18 SIGSTOP of the server for three intervals', async t => {
  const heartbeat = { interval: 500, timeout: 250 }
  const server = await ServerProcess.start(t, { realtime: { heartbeat } })
  const socketsBefore = server.sockets
  const crowd = await Crowd.connect(t, `${server.url}/ws/echo`, 200)
  const rounds = size(2, 20)
  for (let round = 0; round < rounds; round++) {
    // Each round begins in another phase of the heartbeat.
    await delay(round * 97 % heartbeat.interval)
    server.child.kill('SIGSTOP')
    await delay(3 * heartbeat.interval)
    server.child.kill('SIGCONT')
    await throughout(heartbeat.interval + heartbeat.timeout, async () => assert.equal((await server.ask<Stats>('stats')).heartbeatTimeouts, 0))
  }
  assert.equal((await crowd.report()).closed, 0)
  await assertSettled(server, { connections: 200, socketsBefore })
  return `0 of 200 dropped in ${rounds} rounds`
})

interface Stretch {
  /** The longest block of the server's loop, ms. */
  readonly block: number
  /** The same of a server that had nothing to do meanwhile: what it shows, the machine did. */
  readonly idleBlock: number
}

/**
 * Looks for the longest block in a stretch of time. What the server itself does comes back with every interval, what other
 * processes do to it does not: after too long a block it is tried again, twice at most.
 */
async function measureBlocks (server: ServerProcess, idle: ServerProcess, ms: number): Promise<Stretch[]> {
  const stretches: Stretch[] = []
  const ask = () => Promise.all([server, idle].map(process => process.ask<number>('longestBlock')))
  await ask()
  do {
    await delay(ms)
    const [block = NaN, idleBlock = NaN] = await ask()
    stretches.push({ block: Math.round(block), idleBlock: Math.round(idleBlock) })
  } while (stretches.at(-1)!.block > MAX_BLOCK && stretches.length < 3)
  return stretches
}

fault('F20 held connections', async t => {
  const count = size(1_000, 10_000)
  const server = await ServerProcess.start(t, { realtime: { heartbeat: { interval: 2_000, timeout: 1_000 } } })
  const [socketsBefore, timersBefore] = [server.sockets, await server.ask<number>('timers')]
  const crowd = await Crowd.connect(t, `${server.url}/ws/echo`, count)
  // The guard's timer goes with the last handshake.
  await eventually(async () => (await server.ask<number>('timers')) === timersBefore + 1)
  await throughout(size(2_000, 4_000), async () => assert.equal(await server.ask('timers'), timersBefore + 1))
  const stretches = await measureBlocks(server, await ServerProcess.start(t), size(2_000, 10_000))
  const { heartbeatTimeouts } = await server.ask<Stats>('stats')
  assert.equal(heartbeatTimeouts, 0)
  assert.equal((await crowd.report()).closed, 0)
  assert.equal(await server.ask('timers'), timersBefore + 1)
  await assertSettled(server, { connections: count, socketsBefore })

  crowd.tell('reset')
  await assertSettled(server, { connections: 0, socketsBefore })
  assert.equal(await server.ask('timers'), timersBefore)

  const blocks = stretches.map(({ block, idleBlock }) => `${block} ms (an idle server: ${idleBlock})`).join(', then ')
  if (stretches.at(-1)!.block > MAX_BLOCK && stretches.every(({ idleBlock }) => idleBlock > MAX_BLOCK / 2)) {
    throw new CannotProvoke(`this machine is too busy to tell who blocked the loop: ${blocks}. One timer and 0 of ${count} lost all the same`)
  }
  assert.ok(stretches.at(-1)!.block <= MAX_BLOCK, `the loop was blocked for ${blocks}`)
  return `${count} connections, one timer, 0 lost, longest block ${blocks}`
})
