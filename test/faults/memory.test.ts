import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import type { TestContext } from 'node:test'
import { deflateRawSync } from 'node:zlib'
import { BINARY, CONTINUATION, frame, type FrameOptions, PING, TEXT } from '../protocol/bytes.ts'
import { assertUnharmed, eventually, inParallel, Peak, Peer, upgrade } from './attack.ts'
import { fault, size } from './fault.ts'
import { ServerProcess } from './server-process.ts'

/** Connects, with compression if the server has it. */
async function open (server: ServerProcess, path = '/ws/echo'): Promise<Peer> {
  const peer = await Peer.dial(server.port, upgrade({ path, headers: { 'Sec-WebSocket-Extensions': 'permessage-deflate' } }))
  assert.equal(await peer.status(), 101)
  return peer
}

/** The code of the server's close frame, which is all that it sends to those who only break the rules; 1006 without one. */
function closeCodeOf ({ body }: Peer): number {
  return body.length >= 4 && body[0] === 0x88 ? body.readUInt16BE(2) : 1006
}

/** Writes the bytes over and over, as fast as they are taken, until the server has had enough or `limit` bytes are out. */
async function flood (peer: Peer, bytes: Uint8Array, limit: number): Promise<number> {
  let sent = 0
  let isTaken = true
  peer.socket.on('drain', () => { isTaken = true })
  while (sent < limit && !peer.hasEnded && closeCodeOf(peer) === 1006) {
    if (isTaken) {
      isTaken = peer.socket.write(bytes)
      sent += bytes.length
    }
    await new Promise(resolve => setImmediate(resolve))
  }
  return sent
}

const MIB = Buffer.alloc(1_048_576)
const ENDLESS: FrameOptions = { fin: false }

/** A header alone, with the mask behind it. */
function claim (bytes: bigint): Buffer {
  return frame(BINARY, '', { claims: bytes })
}

/** A little less than maxPayload on the wire, 60 MB inflated. */
const BOMB = frame(BINARY, deflateRawSync(Buffer.alloc(60_000_000)), { rsv: 4 })

type Attack = (peer: Peer) => Promise<unknown>

/** More than maxPayload, 64 KiB, each in a way of its own. What it sends afterwards is what must not be kept. */
const oversized: Readonly<Record<string, Attack>> = {
  'in one frame': async peer => {
    peer.socket.write(claim(10_485_760n))
    await flood(peer, MIB, 10_485_760)
  },
  'in fragments': async peer => {
    peer.socket.write(frame(BINARY, MIB.subarray(0, 16_384), ENDLESS))
    await flood(peer, frame(CONTINUATION, MIB.subarray(0, 16_384), ENDLESS), 10_485_760)
  },
  'after inflate': async peer => {
    peer.socket.write(BOMB)
    await peer.ended
  },
  'in a claim of 2^63 - 1': async peer => {
    peer.socket.write(claim(2n ** 63n - 1n))
    await flood(peer, MIB, 10_485_760)
  }
}

interface Attacked {
  readonly realtime?: object
  readonly attack: Attack
  /** Of the server's close frame; without one the attack itself sees to it that the server ended it. */
  readonly code?: number
  /** MB that the server's memory may grow by. */
  readonly mostGrowth: number
}

const NOISE = randomBytes(60_000)
const PLAIN = frame(BINARY, NOISE)
const DEFLATED = frame(BINARY, deflateRawSync(NOISE), { rsv: 4 })

/** As many bytes as an attacker sends, as fast, in messages that are allowed. */
async function playByTheRules (peer: Peer): Promise<void> {
  const legal = peer.received.includes('permessage-deflate') ? [PLAIN, DEFLATED] : [PLAIN]
  await flood(peer, Buffer.concat(Array.from({ length: 16 }, (_nothing, n) => legal[n % legal.length]!)), 10_485_760)
  peer.socket.write(frame(PING))
  await peer.until(() => peer.body.length > 0)
}

/**
 * Attackers, one after the other. What Node reads and drops again is there until the next collection, whoever sends it and
 * whenever that may be: so the memory that counts is what an attack's peak has beyond that of as many bytes of legal
 * traffic, in the median of all of them.
 */
async function measure (t: TestContext, { realtime = {}, attack, code, mostGrowth }: Attacked): Promise<string> {
  const count = size(5, 49)
  const server = await ServerProcess.start(t, { realtime: { heartbeat: false, ...realtime }, execArgv: ['--max-semi-space-size=1'] })
  const baseline = server.sockets
  const play = async (attack: Attack, path?: string): Promise<number> => {
    const peaks: number[] = []
    while (peaks.length < count) {
      const peak = new Peak(server)
      const peer = await open(server, path)
      await attack(peer)
      peaks.push(peak.highest)
      peer.socket.resetAndDestroy()
    }
    return peaks.sort((a, b) => a - b)[count >> 1]!
  }
  // Nobody else is in the channel, so that nothing is sent to anybody.
  await play(playByTheRules, '/ws/broadcast')
  const legal = await play(playByTheRules, '/ws/broadcast')
  const attacked = await play(async peer => {
    await attack(peer)
    if (code === undefined) return
    await peer.until(() => closeCodeOf(peer) !== 1006)
    assert.equal(closeCodeOf(peer), code)
  })
  const growth = attacked - legal
  assert.ok(growth < mostGrowth, `RSS grew by ${growth.toFixed(1)} MB`)
  await assertUnharmed(server, { baseline })
  return `${count} ${code === undefined ? 'terminated' : `closed with ${code}`}, RSS ${growth > 0 ? '+' : ''}${growth.toFixed(1)} MB`
}

for (const [how, attack] of Object.entries(oversized)) {
  fault(`F9 oversize ${how}`, t => measure(t, { realtime: { compression: true }, attack, code: 1009, mostGrowth: 5 }))
}

for (const [name, payload] of Object.entries({ endless: 'x', empty: '' })) {
  fault(`F10 ${name} fragments`, t => measure(t, {
    attack: async peer => {
      peer.socket.write(frame(TEXT, payload, ENDLESS))
      await flood(peer, Buffer.concat(Array.from({ length: 5_000 }, () => frame(CONTINUATION, payload, ENDLESS))), 10_485_760)
    },
    code: 1008,
    mostGrowth: 10
  }))
}

const PINGS = Buffer.concat(Array.from({ length: 2_000 }, () => frame(PING, 'x'.repeat(125))))

fault('F11 a ping flood whose pongs nobody reads', t => measure(t, {
  attack: async peer => {
    peer.socket.pause()
    // Paused, it hears of its end only by what becomes of its writes.
    peer.socket.on('error', () => { peer.hasEnded = true })
    await flood(peer, PINGS, 100_000_000)
    assert.ok(peer.hasEnded, '100 MB of pings were taken')
  },
  mostGrowth: 10
}))

const MESSAGE = 1_024
const HEAD = 4
const FRAME = HEAD + MESSAGE

/** Every frame that the receivers of the messages 0 to `count` get. */
function framesOf (count: number): Buffer {
  return Buffer.concat(Array.from({ length: count }, (_nothing, n) => frame(TEXT, `${n} `.padEnd(MESSAGE, String(n % 10)), { mask: undefined })))
}

interface LogLine {
  readonly msg: string
  readonly bufferedAmount: number
  readonly code: number
}

/** A receiver that compares what comes with what has to come, and keeps nothing. */
class Receiver {
  received = 0
  isInOrder = true
  readonly peer: Peer

  constructor (peer: Peer, expected: Buffer) {
    this.peer = peer
    peer.socket.removeAllListeners('data').on('data', (chunk: Buffer) => {
      if (!chunk.equals(expected.subarray(this.received, this.received + chunk.length))) this.isInOrder = false
      this.received += chunk.length
    })
  }
}

fault('F16 stopped readers in a channel with others', async t => {
  const messages = size(10_000, 20_000)
  const receivers = size(100, 1_000)
  const stopped = 10
  const maxBuffered = 1_048_576
  const server = await ServerProcess.start(t, { realtime: { heartbeat: false, closeTimeout: 1_000, limits: { maxBuffered } } })
  const baseline = server.sockets
  const expected = framesOf(messages)
  const all = await inParallel(receivers, 50, async () => {
    const peer = await Peer.dial(server.port, upgrade({ path: '/ws/broadcast?channel=news' }))
    assert.equal(await peer.status(), 101)
    return new Receiver(peer, expected)
  })
  const healthy = all.slice(stopped)
  const slow = all.slice(0, stopped)
  let published = 0
  // An application that does not run ahead of the others: only the stopped ones fall behind.
  const publish = async (until: number, to: readonly Receiver[]) => {
    while (published < until) {
      const count = Math.min(200, until - published)
      await server.ask('publish', { channel: 'news', from: published, count, bytes: MESSAGE })
      published += count
      await eventually(60_000, () => 'somebody healthy did not get everything', () => to.every(({ received }) => received >= published * FRAME))
    }
  }
  await publish(2_000, all)
  for (const { peer } of slow) peer.socket.pause()
  const peak = new Peak(server)
  await publish(messages, healthy)
  const { growth } = peak
  assert.ok(healthy.every(({ isInOrder, received }) => isInOrder && received === messages * FRAME), 'somebody healthy got something else')
  await eventually(5_000, () => 'not all of the stopped readers were closed', () => server.sockets === baseline + healthy.length)
  // What the server has written comes by another way than what it has done.
  const logged = (msg: string) => server.output.split('\n').slice(0, -1).map(line => JSON.parse(line) as LogLine).filter(line => line.msg === msg)
  await eventually(2_000, () => 'not all of the ends were logged', () => logged('connection ended by slow consumer').length === stopped)
  assert.ok(logged('connection ended by slow consumer').every(({ code }) => code === 1013))
  const warned = logged('slow consumer')
  assert.equal(warned.length, stopped)
  const longest = Math.max(...warned.map(({ bufferedAmount }) => bufferedAmount))
  assert.ok(longest < maxBuffered + FRAME, `${longest} bytes were queued`)
  assert.ok(growth < 30, `RSS grew by ${growth.toFixed(1)} MB`)
  for (const { peer } of all) peer.socket.destroy()
  await assertUnharmed(server, { baseline })
  return `${stopped} of ${receivers} closed with 1013 at ${longest} bytes, ${messages} messages to the others in order, RSS +${growth.toFixed(1)} MB`
})
