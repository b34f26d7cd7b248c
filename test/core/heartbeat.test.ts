import assert from 'node:assert/strict'
import { afterEach, beforeEach, mock, test } from 'node:test'
import { Heartbeat, type HeartbeatPeer, type Pulse } from '../../src/core/heartbeat.ts'

const INTERVAL = 1000
const TIMEOUT = 500
const TICK = 25

let now = 0
let heartbeat: Heartbeat
const immediates: Array<() => void> = []

beforeEach(() => {
  now = 0
  immediates.length = 0
  mock.timers.enable({ apis: ['setInterval'] })
  mock.method(globalThis, 'setImmediate', (callback: () => void) => { immediates.push(callback) })
  heartbeat = new Heartbeat({ interval: INTERVAL, timeout: TIMEOUT }, () => now)
})

afterEach(() => {
  heartbeat.close()
  mock.timers.reset()
  mock.restoreAll()
})

/** One turn of the event loop: timers, then the poll, then the immediates that were asked for until then. */
function turn (ms: number, poll = () => {}): void {
  now += ms
  mock.timers.tick(ms)
  poll()
  for (const callback of immediates.splice(0)) callback()
}

/** Lets time pass the way a healthy loop sees it, in turns that take next to no time themselves. */
function pass (ms: number, poll = () => {}): void {
  for (let passed = 0; passed < ms; passed += TICK) {
    turn(TICK, poll)
    while (immediates.length > 0) turn(0, poll)
  }
}

class FakePeer implements HeartbeatPeer {
  isPaused = false
  pings: number[] = []
  givenUpAt: number | undefined
  bytes = 0
  readonly pulse: Pulse

  constructor () {
    this.pulse = heartbeat.watch(this)
  }

  bytesRead (): number { return this.bytes }

  ping (): void { this.pings.push(now) }

  giveUp (): void { this.givenUpAt = now }
}

/** A peer that answers every ping in the poll that follows it. */
class LivePeer extends FakePeer {
  answered = 0

  answer (): void {
    if (this.pings.length === this.answered) return
    this.answered = this.pings.length
    this.pulse.pong()
  }
}

test('a silent peer is pinged after the interval and given up after the timeout', () => {
  const peer = new FakePeer()
  pass(300)
  peer.pulse.seen()
  const silentSince = now
  pass(2 * INTERVAL)
  assert.equal(peer.pings.length, 1)
  const silence = peer.pings[0]! - silentSince
  assert.ok(silence >= INTERVAL && silence <= INTERVAL + 2 * TICK, `pinged after ${silence} ms`)
  const found = peer.givenUpAt! - silentSince
  assert.ok(found >= INTERVAL + TIMEOUT && found <= (INTERVAL + TIMEOUT) * 1.1, `given up after ${found} ms`)
})

test('a peer that answers lives, and its latency is what it took', () => {
  const peer = new LivePeer()
  let latency: number | undefined
  pass(10 * INTERVAL, () => {
    if (peer.pings.length === peer.answered) return
    peer.answered = peer.pings.length
    now += 7
    latency = peer.pulse.pong()
  })
  assert.equal(peer.givenUpAt, undefined)
  assert.ok(peer.pings.length >= 9)
  assert.equal(latency, 7)
})

test('a peer that answers is pinged at every interval, also where the timeout is longer', () => {
  heartbeat.close()
  heartbeat = new Heartbeat({ interval: 100, timeout: 1000 }, () => now)
  const peer = new LivePeer()
  pass(3000, () => peer.answer())
  assert.ok(peer.pings.length >= 20, `${peer.pings.length} pings`)
})

test('a pong that comes when its sender is already suspected is in time, and counts once', () => {
  const peer = new FakePeer()
  pass(INTERVAL + TICK)
  assert.equal(peer.pings.length, 1)
  while (now < INTERVAL + TIMEOUT - TICK) turn(TICK)
  turn(TICK, () => { peer.pulse.pong() })
  assert.equal(peer.givenUpAt, undefined)
  pass(INTERVAL + 4 * TICK)
  assert.equal(peer.pings.length, 2)
})

test('any frame counts as life, and whoever talks is not pinged', () => {
  const peer = new FakePeer()
  pass(10 * INTERVAL, () => { peer.pulse.seen() })
  assert.equal(peer.givenUpAt, undefined)
  assert.deepEqual(peer.pings, [])
})

test('bytes of an unfinished frame count as life', () => {
  const peer = new FakePeer()
  pass(10 * INTERVAL, () => { peer.bytes++ })
  assert.equal(peer.givenUpAt, undefined)
})

test('a peer that this side does not read from is not judged', () => {
  const peer = new FakePeer()
  peer.isPaused = true
  pass(5 * INTERVAL)
  assert.equal(peer.givenUpAt, undefined)
  peer.isPaused = false
  pass(2 * INTERVAL)
  assert.notEqual(peer.givenUpAt, undefined)
})

test('a pong that nobody asked for is life, and no latency', () => {
  const peer = new FakePeer()
  assert.equal(peer.pulse.pong(), undefined)
})

test('the pings of connections made in one burst are spread over the interval', () => {
  const peers = Array.from({ length: 400 }, () => new LivePeer())
  pass(INTERVAL, () => { for (const peer of peers) peer.answer() })
  const perMoment = new Map<number, number>()
  for (const { pings } of peers) for (const at of pings) perMoment.set(at, (perMoment.get(at) ?? 0) + 1)
  assert.ok(perMoment.size >= INTERVAL / TICK - 2)
  assert.ok(Math.max(...perMoment.values()) <= 20)
})

test('many that are due at once are pinged in bounded portions, with a turn of the loop in between', () => {
  const peers = Array.from({ length: 2000 }, () => new FakePeer())
  const pinged = () => peers.filter(({ pings }) => pings.length > 0).length
  // All of them speak in the same moment, so all of them are due in the same later one.
  for (const { pulse } of peers) pulse.seen()
  pass(INTERVAL - TICK, () => { for (const { pulse } of peers) pulse.seen() })
  assert.equal(pinged(), 0)
  const portions: number[] = []
  while (pinged() < peers.length) {
    const before = pinged()
    turn(immediates.length > 0 ? 0 : TICK)
    if (pinged() > before) portions.push(pinged() - before)
  }
  assert.ok(portions.length >= 4 && Math.max(...portions) <= 512, String(portions))
})

test('a stall of three intervals kills nobody who is alive, wherever it falls', () => {
  for (let offset = 0; offset < INTERVAL + TIMEOUT; offset += TICK) {
    const peers = Array.from({ length: 50 }, () => new LivePeer())
    const answerAll = () => { for (const peer of peers) peer.answer() }
    pass(offset, answerAll)
    now += 3 * INTERVAL // nothing runs, nothing is read; then timers come first, and only after them what has arrived
    pass(2 * INTERVAL, answerAll)
    assert.deepEqual(peers.filter(({ givenUpAt }) => givenUpAt !== undefined), [], `stall at ${offset} ms`)
    for (const { pulse } of peers) pulse.stop()
  }
})

test('a stall is not time that a dead peer was given: it is still found afterwards', () => {
  const dead = new FakePeer()
  pass(INTERVAL)
  now += 3 * INTERVAL
  pass(INTERVAL + TIMEOUT)
  assert.notEqual(dead.givenUpAt, undefined)
})

test('a peer that has ended is neither pinged nor given up', () => {
  const peer = new FakePeer()
  pass(INTERVAL + TICK)
  peer.pulse.stop()
  pass(5 * INTERVAL)
  assert.equal(peer.pings.length, 1)
  assert.equal(peer.givenUpAt, undefined)
})

test('any length of interval and timeout takes little memory, and is kept', () => {
  const extremes = [[2 ** 31 - 1, 10], [10, 2 ** 31 - 1], [2 ** 31 - 1, 2 ** 31 - 1]] as const
  const before = process.memoryUsage().heapUsed
  for (const [interval, timeout] of extremes) new Heartbeat({ interval, timeout }, () => now).close()
  assert.ok(process.memoryUsage().heapUsed - before < 10_000_000)
  heartbeat.close()
  heartbeat = new Heartbeat({ interval: 600_000, timeout: 1000 }, () => now)
  const peer = new FakePeer()
  pass(599_000)
  assert.deepEqual(peer.pings, [])
  pass(1500)
  assert.equal(peer.pings.length, 1)
})
