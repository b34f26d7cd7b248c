import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { setTimeout as delay } from 'node:timers/promises'
import { Type } from '@sinclair/typebox'
import fc from 'fast-check'
import { buildApp, listen } from '../helpers/app.ts'
import { type Client, connect } from '../helpers/client.ts'
import { frame, TEXT } from '../protocol/bytes.ts'
import { assertUnharmed, eventually, inParallel, p99, Peer, upgrade } from './attack.ts'
import { CannotProvoke, fault, size } from './fault.ts'
import { ServerProcess } from './server-process.ts'

/** Each of the clients asks `rounds` times, 50 ms apart. Returns how long the echoes took, ms. */
async function askAll (clients: readonly Client[], rounds: number): Promise<number[]> {
  const times = await Promise.all(clients.map(async (client, index) => {
    const own: number[] = []
    await delay(index / clients.length * 50) // spread over the time between two questions
    for (let round = 0; round < rounds; round++) {
      const question = `${index}/${round}`
      const start = performance.now()
      client.send(question)
      assert.equal(await client.next(), question)
      own.push(performance.now() - start)
      await delay(50)
    }
    return own
  }))
  return times.flat()
}

/** `flood` in a frame of the server. */
const ECHO_LENGTH = 7

/** Below this, ms, a difference says more about the machine than about the flood. */
const NOISE = 10

const RATE = { messages: 100, per: 1_000, onExceed: 'pause' }

interface Flood {
  /** p99 of the others' echoes, ms. */
  readonly before: number
  readonly during: number
  readonly handled: number
}

/** The others alone, and then beside somebody who sends as much as TCP takes. */
async function floodOnce (server: ServerProcess, clients: readonly Client[], rounds: number): Promise<Flood> {
  const before = p99(await askAll(clients, rounds))
  const flooder = await Peer.dial(server.port, upgrade())
  assert.equal(await flooder.status(), 101)
  const messages = Buffer.concat(Array.from({ length: 5_000 }, () => frame(TEXT, 'flood')))
  const pour = () => { while (!flooder.hasEnded && flooder.socket.write(messages)); }
  flooder.socket.on('drain', pour)
  const start = performance.now()
  pour()
  const during = p99(await askAll(clients, rounds))
  const handled = Math.floor(flooder.body.length / ECHO_LENGTH)
  const allowed = RATE.messages + (performance.now() - start) * RATE.messages / RATE.per
  assert.equal(flooder.hasEnded, false)
  assert.ok(flooder.socket.writableLength > 0, 'TCP holds it back')
  assert.ok(handled > RATE.messages && handled <= allowed * 1.05, `${handled} of its messages were handled, ${allowed} are allowed`)
  flooder.socket.resetAndDestroy()
  return { before, during, handled }
}

function isUnharmed ({ before, during }: Flood): boolean {
  return during < Math.max(2 * before, NOISE)
}

fault('F12 a flooding client held by its message rate', async t => {
  const rounds = size(20, 300)
  const server = await ServerProcess.start(t, { realtime: { limits: { messageRate: RATE } } })
  const baseline = server.sockets
  const clients = await inParallel(100, 20, () => connect(`${server.url}/ws/echo`))
  await askAll(clients, 10) // warms both sides up
  // A machine that is busy with something else can spoil one comparison; a flood that harms the others spoils them all.
  let flood = await floodOnce(server, clients, rounds)
  for (let again = 0; again < 2 && !isUnharmed(flood); again++) flood = await floodOnce(server, clients, rounds)
  const figure = `p99 of 100 others ${flood.before.toFixed(1)} ms before, ${flood.during.toFixed(1)} ms meanwhile`
  assert.ok(isUnharmed(flood), figure)
  assert.ok(clients.every(({ socket }) => socket.readyState === socket.OPEN))
  for (const client of clients) client.socket.terminate()
  await assertUnharmed(server, { baseline })
  return `${figure}, ${flood.handled} of the flood handled`
})

const hostileKeys = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', '', '\0', '\ud800']
const hostileValue = fc.oneof(
  fc.constantFrom<unknown>(null, true, -1, 0, 1e308, Number.MAX_SAFE_INTEGER + 2, '', '1', '\0', '\udfff', [], {}, { polluted: true }),
  fc.jsonValue()
)

/** An object as text, so that its keys may be what no literal could have: `__proto__` above all, and the same one twice. */
const hostileObject = fc.array(fc.tuple(fc.oneof(fc.constantFrom('id', 'text', ...hostileKeys), fc.string()), hostileValue), { maxLength: 5 })
  .map(pairs => `{${pairs.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`).join(',')}}`)

const hostileMessage = fc.oneof(
  { weight: 4, arbitrary: hostileObject },
  { weight: 2, arbitrary: fc.tuple(hostileObject, fc.nat(40)).map(([text, cut]) => text.slice(0, -1 - cut)) }, // bad JSON
  { weight: 2, arbitrary: fc.json() },
  { weight: 2, arbitrary: fc.string({ unit: 'binary', maxLength: 40 }).map(text => text.toWellFormed()) },
  fc.constantFrom('{"id":"1"}', '{"id":1,"text":2}', '{"__proto__":{"polluted":true}}', '{"constructor":{"prototype":{"polluted":true}}}', '"\\ud800"', '\0', '1e999', '{"id":1e999}', '-', ''),
  { weight: 1, arbitrary: fc.tuple(fc.constantFrom('[', '{"a":', '[{"__proto__":'), fc.constantFrom(1, 100, 4_000)).map(([open, count]) => open.repeat(count)) }
)

function assertPrototypesClean (): void {
  assert.equal('polluted' in {}, false)
  assert.deepEqual(Object.keys(Object.prototype), [])
}

/** Every message gets exactly one answer: its echo, or an error that says what is wrong. */
fault('F13 hostile messages', async t => {
  const batches = size(50, 1_000)
  const perBatch = 100
  let handled = 0
  const app = await buildApp(t, {
    fastify: { logger: false },
    before: app => { app.addHook('onClose', async () => assertPrototypesClean()) },
    routes (app) {
      app.realtime.route({ url: '/strict', message: Type.Object({ id: Type.Integer(), text: Type.Optional(Type.String()) }) }, {
        message (_connection, message) {
          handled++
          assert.equal(typeof message.id, 'number')
          return { id: message.id }
        }
      })
    }
  })
  const base = await listen(app)
  const strict = await connect(`${base}/ws/strict`)
  const echo = await connect(`${base}/ws/echo`)
  const sender = await connect(`${base}/ws/broadcast?channel=hostile`)
  const receiver = await connect(`${base}/ws/broadcast?channel=hostile`)
  let messages = 0
  await fc.assert(fc.asyncProperty(fc.array(hostileMessage, { minLength: perBatch, maxLength: perBatch }), async batch => {
    for (const message of batch) for (const client of [strict, echo, sender]) client.send(message)
    messages += batch.length
    assert.deepEqual(await echo.take(perBatch), batch)
    assert.deepEqual(await receiver.take(perBatch), batch)
    for (const answer of await strict.take(perBatch)) {
      const { id, error } = JSON.parse(String(answer)) as { id?: number, error?: { code: string } }
      assert.ok(error === undefined ? Number.isInteger(id) : error.code === 'INVALID_MESSAGE', String(answer))
    }
    assertPrototypesClean()
  }), { numRuns: batches, endOnFailure: true })
  assert.equal(app.realtime.stats().handlerErrors, 0)
  for (const client of [strict, echo, sender, receiver]) {
    assert.deepEqual([client.unread.length, client.socket.readyState], [0, client.socket.OPEN])
  }

  // Too large: 10 MB of text, and brackets that are more than maxPayload.
  for (const text of ['x'.repeat(10_000_000), '['.repeat(100_000)]) {
    const client = await connect(`${base}/ws/strict`)
    client.send(text)
    assert.equal((await client.closed).code, 1009)
  }
  for (const client of [strict, echo, sender, receiver]) await client.close()
  await eventually(2_000, () => 'the registry is not empty', () => app.realtime.connections.size === 0)
  await app.close()
  return `${messages} messages to each of 3 routes, ${handled} handled, the others answered, Object.prototype clean`
})

const hostileName = fc.oneof(
  fc.constantFrom('__proto__', 'constructor', 'toString', '', '\0', 'a\nb', '%', '%zz', '%00', '%ED%A0%80', 'x'.repeat(256), 'é'.repeat(255), '../..', '*', 'a&channel=b', '__proto__&__proto__=c'),
  fc.string({ unit: 'binary', maxLength: 300 }).map(text => encodeURIComponent(text.toWellFormed())),
  fc.string({ unit: fc.integer({ min: 0x21, max: 0x7e }).map(code => String.fromCharCode(code)), maxLength: 300 })
)

fault('F13 hostile channel names', async t => {
  const count = size(300, 5_000)
  const counts = { joined: 0, refused: 0 }
  const app = await buildApp(t, { fastify: { logger: false } })
  const port = Number(new URL(await listen(app)).port)
  await fc.assert(fc.asyncProperty(hostileName, async name => {
    const peer = await Peer.dial(port, upgrade({ path: `/ws/broadcast?channel=${name}` }))
    const status = await peer.status()
    peer.socket.resetAndDestroy()
    assert.ok(status === 101 || status === 400, `status ${status}`)
    counts[status === 101 ? 'joined' : 'refused']++
    assertPrototypesClean()
  }), { numRuns: count, endOnFailure: true })
  const peer = await Peer.dial(port, upgrade({ path: `/ws/broadcast?channel=${'x'.repeat(1_048_576)}` }))
  assert.equal(await peer.status(), 431)
  peer.socket.destroy()
  await eventually(2_000, () => 'a connection is left', () => app.realtime.connections.size === 0)
  assert.equal(app.realtime.stats().channels, 0)
  assert.ok(counts.joined > 0 && counts.refused > 0)
  await app.close()
  return `${counts.joined} joined, ${counts.refused} refused with 400, 1 MB refused with 431, no channel left`
})

fault('F34 out of file descriptors', async t => {
  const server = await ServerProcess.start(t)
  const baseline = server.sockets
  const clients = size(200, 2_000)
  const limit = baseline + size(50, 500)
  const limited = spawnSync('prlimit', ['--pid', String(server.child.pid), `--nofile=${limit}:${limit}`])
  if (limited.status !== 0) throw new CannotProvoke(`prlimit: ${limited.error?.message ?? limited.stderr.toString().trim()}`)
  const peers = await inParallel(clients, 50, () => Peer.dial(server.port, upgrade()))
  await eventually(10_000, () => 'it never ran out', () => server.sockets >= limit - 1)
  const accepted = () => peers.filter(({ received }) => received.includes(' 101 '))
  await eventually(10_000, () => `only ${accepted().length} were accepted`, () => accepted().length >= size(40, 490))
  const inside = accepted().length
  assert.ok(inside < clients)
  const [first] = accepted()
  const before = first!.received.length
  first!.socket.write(frame(TEXT, 'still served'))
  await first!.until(() => first!.received.includes('still served', before))
  assert.equal(first!.hasEnded, false)
  for (const { socket } of peers) socket.resetAndDestroy()
  await eventually(5_000, () => `${server.sockets - baseline} sockets are left`, () => server.sockets <= baseline)
  await inParallel(20, 20, async () => {
    const peer = await Peer.dial(server.port, upgrade())
    assert.equal(await peer.status(), 101)
    peer.socket.resetAndDestroy()
  })
  await assertUnharmed(server, { baseline })
  return `${inside} of ${clients} got in, and 20 of 20 after they had left`
})
