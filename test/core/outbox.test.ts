import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { Frame, frameOf, LARGE_FRAME, PING_FRAME } from '../../src/core/frame.ts'
import { Outbox } from '../../src/core/outbox.ts'
import { Outlet } from '../../src/core/outlet.ts'
import type { Wire } from '../../src/core/socket.ts'
import { FakeSocket } from '../helpers/fake-socket.ts'

/** A wire that remembers each write, or each vectored write, as one. */
class FakeWire implements Wire {
  writableLength = 0
  readonly writes: Uint8Array[][] = []
  #corked: Uint8Array[] | undefined

  write (bytes: Uint8Array): boolean {
    if (this.#corked === undefined) this.writes.push([bytes])
    else this.#corked.push(bytes)
    return true
  }

  cork (): void { this.#corked = [] }

  uncork (): void {
    this.writes.push(this.#corked!)
    this.#corked = undefined
  }

  /** The texts of the messages that have been written, in order. */
  get messages (): string[] {
    return messagesIn(Buffer.concat(this.writes.flat()))
  }
}

/** Reads unmasked frames, whole ones only. */
function messagesIn (bytes: Buffer): string[] {
  const messages: string[] = []
  for (let offset = 0; offset < bytes.length;) {
    const short = bytes[offset + 1]!
    const [head, length] = short < 126 ? [2, short] : short === 126 ? [4, bytes.readUInt16BE(offset + 2)] : [10, Number(bytes.readBigUInt64BE(offset + 2))]
    messages.push(bytes.toString('utf8', offset + head, offset + head + length))
    offset += head + length
  }
  return messages
}

function setup (t: TestContext, count: number, { delay = 0 } = {}) {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const immediates: Array<() => void> = []
  t.mock.method(globalThis, 'setImmediate', (callback: () => void) => { immediates.push(callback) })
  const outbox = new Outbox({ delay, threshold: Infinity })
  const peers = Array.from({ length: count }, () => {
    const socket = new FakeSocket()
    const wire = new FakeWire()
    return { socket, wire, outlet: new Outlet(outbox, socket, wire) }
  })
  const endTurn = () => { for (const callback of immediates.splice(0)) callback() }
  return { outbox, peers, endTurn, immediates }
}

test('everything of a turn leaves in one write for each connection, in the order of the calls', t => {
  const { peers: [a, b], endTurn, immediates } = setup(t, 2)
  const shared = frameOf('shared')
  a!.outlet.push(frameOf('1'))
  b!.outlet.push(shared)
  a!.outlet.push(shared)
  a!.outlet.push(frameOf('2'))
  b!.outlet.push(frameOf('3'))
  assert.equal(immediates.length, 1)
  assert.deepEqual([a!.wire.writes, b!.wire.writes], [[], []])
  endTurn()
  assert.deepEqual([a!.wire.messages, b!.wire.messages], [['1', 'shared', '2'], ['shared', '3']])
  assert.deepEqual([a!.wire.writes.length, b!.wire.writes.length], [1, 1])
  a!.outlet.push(frameOf('next'))
  endTurn()
  assert.equal(a!.wire.writes.length, 2)
})

test('a publication is put into memory once, whatever the number of its receivers', t => {
  const { peers, endTurn } = setup(t, 5)
  for (const text of ['1', '2', '3']) {
    const frame = frameOf(text)
    for (const { outlet } of peers) outlet.push(frame)
  }
  endTurn()
  const memory = new Set(peers.map(({ wire }) => (wire.writes[0]![0] as Buffer).buffer))
  assert.equal(memory.size, 1)
  for (const { wire } of peers) assert.deepEqual(wire.messages, ['1', '2', '3'])
})

test('the sender of a message is left out without a copy for the others', t => {
  const { peers, endTurn } = setup(t, 10)
  const text = (n: number) => `${n}`.padEnd(3000, '.')
  peers.forEach((_sender, n) => {
    const frame = frameOf(text(n))
    peers.forEach(({ outlet }, receiver) => { if (receiver !== n) outlet.push(frame) })
  })
  endTurn()
  peers.forEach(({ wire }, receiver) => {
    assert.deepEqual(wire.messages, peers.map((_peer, n) => text(n)).filter((_text, n) => n !== receiver))
    assert.equal(wire.writes.length, 1)
  })
  // Those with several messages before and after their own share one piece of memory.
  const memory = peers.slice(2, 8).flatMap(({ wire }) => wire.writes[0]!.map(piece => piece.buffer))
  assert.equal(new Set(memory).size, 1)
})

test('large bytes are handed on as they are, in order with what is around them', t => {
  const { peers: [a], endTurn } = setup(t, 1)
  const large = Buffer.alloc(LARGE_FRAME, 'x')
  const texts = ['before', 'and', large.toString(), 'after', 'that']
  for (const text of texts) a!.outlet.push(text.length < LARGE_FRAME ? frameOf(text) : frameOf(large))
  endTurn()
  assert.deepEqual(a!.wire.messages, texts)
  assert.equal(a!.wire.writes.length, 1)
  assert.ok(a!.wire.writes[0]!.includes(large))
})

test('frames have the three length encodings of RFC 6455', () => {
  for (const [length, head] of [[0, 2], [125, 2], [126, 4], [65_535, 4], [65_536, 10]] as const) {
    for (const data of ['x'.repeat(length), Buffer.alloc(length, 'x')]) {
      const frame = frameOf(data)
      const wire = Buffer.concat([frame.head ?? Buffer.alloc(0), frame.body])
      assert.equal(wire.length, head + length)
      assert.equal(wire[0], typeof data === 'string' ? 0x81 : 0x82)
      assert.deepEqual(messagesIn(wire), ['x'.repeat(length)])
      assert.equal(frame.payload.length, length)
    }
  }
  assert.deepEqual([...PING_FRAME.body], [0x89, 0])
})

test('a message is compressed once, from the threshold on', () => {
  const frame = frameOf('x'.repeat(1000))
  const deflated = frame.deflated(1000)
  assert.equal(frame.deflated(1000), deflated)
  assert.equal(deflated.body[0], 0xc1)
  assert.ok(deflated.length < 30)
  assert.equal(frame.deflated(1001), frame)
  assert.equal(PING_FRAME.deflated(0), PING_FRAME)
  assert.ok(frame instanceof Frame)
})

test('with a delay it collects for longer than a turn', t => {
  const { peers: [a], immediates } = setup(t, 1, { delay: 20 })
  a!.outlet.push(frameOf('1'))
  t.mock.timers.tick(19)
  a!.outlet.push(frameOf('2'))
  assert.deepEqual([immediates.length, a!.wire.writes.length], [0, 0])
  t.mock.timers.tick(1)
  assert.deepEqual([a!.wire.messages, a!.wire.writes.length], [['1', '2'], 1])
})

test('what waits here counts as buffered', t => {
  const { peers: [a], endTurn } = setup(t, 1)
  a!.outlet.push(frameOf('12345'))
  a!.outlet.push(frameOf('1'))
  assert.equal(a!.outlet.bufferedAmount, 7 + 3)
  endTurn()
  assert.equal(a!.outlet.bufferedAmount, 0)
})

test('after the close frame nothing is written', t => {
  const { peers: [a], endTurn } = setup(t, 1)
  a!.outlet.push(frameOf('late'))
  a!.socket.readyState = 2
  endTurn()
  assert.deepEqual(a!.wire.writes, [])
})

test('nothing is written between the fragments of somebody else, and what waited follows in order', t => {
  const { peers: [a], endTurn } = setup(t, 1)
  a!.outlet.push(frameOf('before'))
  a!.outlet.hold()
  assert.deepEqual(a!.wire.messages, ['before'])
  a!.outlet.push(frameOf('1'))
  a!.outlet.push(frameOf('2'))
  assert.equal(a!.outlet.bufferedAmount, 6)
  endTurn()
  assert.deepEqual(a!.wire.messages, ['before'])
  a!.outlet.release()
  a!.outlet.push(frameOf('3'))
  endTurn()
  assert.deepEqual(a!.wire.messages, ['before', '1', '2', '3'])
})

test('a turn that grows too large is cut short, and its memory is let go', t => {
  const { peers: [a], immediates } = setup(t, 1)
  const frame = () => frameOf('x'.repeat(1_000_000))
  for (let n = 0; n < 6; n++) a!.outlet.push(frame())
  assert.equal(a!.wire.writes.length, 1)
  assert.ok(a!.outlet.pending < 2_000_000)
  assert.equal(immediates.length, 2)
})

test('a peer that is behind does not keep the memory of a whole turn alive', t => {
  const { peers: [slow, ...others], endTurn } = setup(t, 20)
  slow!.wire.writableLength = 1
  for (const { outlet } of others) for (let n = 0; n < 10; n++) outlet.push(frameOf('x'.repeat(4000)))
  slow!.outlet.push(frameOf('y'.repeat(4000)))
  slow!.outlet.push(frameOf('z'.repeat(4000)))
  endTurn()
  const piece = slow!.wire.writes[0]![0] as Buffer
  assert.ok(piece.buffer.byteLength < 20_000, `${piece.buffer.byteLength} bytes`)
  assert.equal(slow!.wire.messages.length, 2)
})
