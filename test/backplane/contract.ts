import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import type { Backplane, BackplaneSink, HistoryOptions, OutgoingPublication, Position, Publication, StoredPublication } from '../../src/index.ts'

const HISTORY: HistoryOptions = { size: 5, ttl: 60_000 }

/** A sink that remembers what it was told. */
export class Ear implements BackplaneSink {
  readonly heard: Array<[channel: string, publication: Publication]> = []
  readonly changes: string[] = []

  deliver (channel: string, publication: Publication): void { this.heard.push([channel, publication]) }
  up (): void { this.changes.push('up') }
  down (error: Error): void { this.changes.push(`down: ${error.message}`) }

  texts (channel: string): unknown[] {
    return this.heard.filter(([name]) => name === channel).map(([, { payload }]) => payload.data)
  }

  offsets (channel: string): number[] {
    return this.heard.filter(([name]) => name === channel).map(([, publication]) => (publication as StoredPublication).position.offset)
  }
}

export function text (data: string, extra: Partial<OutgoingPublication> = {}): OutgoingPublication {
  return { type: 'publication', payload: { format: 'text', data }, ...extra }
}

export function member (client: string, user = client) {
  return { client, user, info: JSON.stringify({ user, client }) }
}

/** Resolves when everything that an engine has on its way has arrived; in memory, at once. */
export type Arrived = () => Promise<void>

export interface Engine {
  /** A new backplane of the same engine, not started. */
  create (): Backplane
  arrived: Arrived
  /** Whether what one instance publishes reaches others. */
  readonly isShared: boolean
}

/** What every backplane has to do, whatever is behind it. `open` gives an engine with nothing in it. */
export function testBackplane (name: string, open: (t: TestContext) => Promise<Engine>): void {
  async function start (t: TestContext, engine: Engine): Promise<{ backplane: Backplane, ear: Ear }> {
    const backplane = engine.create()
    const ear = new Ear()
    await backplane.start(`instance-${Math.random()}`, ear)
    t.after(() => backplane.close())
    return { backplane, ear }
  }

  const contract = (sentence: string, check: (t: TestContext, engine: Engine) => Promise<void>): void => {
    test(`${name}: ${sentence}`, async t => check(t, await open(t)))
  }

  contract('a publication reaches who has subscribed, with everything that belongs to it, and nobody else', async (t, engine) => {
    const { backplane, ear } = await start(t, engine)
    await backplane.subscribe(['a', 'b'])
    const publication = { type: 'publication', payload: { format: 'json', data: '{"n":1}' }, info: '{"user":"u"}', except: 'x' } as const
    assert.equal(await backplane.publish('a', publication), undefined)
    await backplane.publish('c', text('nobody'))
    await engine.arrived()
    assert.equal(ear.heard.length, 1)
    const [channel, heard] = ear.heard[0]!
    assert.deepEqual([channel, heard.type, heard.payload, heard.info, heard.except, heard.position], ['a', 'publication', publication.payload, '{"user":"u"}', 'x', undefined])
  })

  contract('bytes stay bytes, and joins and leaves are what they are', async (t, engine) => {
    const { backplane, ear } = await start(t, engine)
    await backplane.subscribe(['a'])
    await backplane.publish('a', { type: 'publication', payload: { format: 'binary', data: Buffer.from([0, 255, 10]) } })
    await backplane.publish('a', text('', { type: 'join' }))
    await backplane.publish('a', text('', { type: 'leave' }))
    await engine.arrived()
    assert.deepEqual(ear.heard.map(([, { type }]) => type), ['publication', 'join', 'leave'])
    assert.deepEqual([...ear.heard[0]![1].payload.data as Uint8Array], [0, 255, 10])
  })

  contract('nothing arrives after unsubscribe, and the order of the calls counts', async (t, engine) => {
    const { backplane, ear } = await start(t, engine)
    await backplane.subscribe(['a'])
    await backplane.unsubscribe(['a'])
    await backplane.publish('a', text('gone'))
    const last = [backplane.subscribe(['a']), backplane.unsubscribe(['a']), backplane.subscribe(['a'])]
    await Promise.all(last)
    await backplane.publish('a', text('back'))
    await engine.arrived()
    assert.deepEqual(ear.texts('a'), ['back'])
  })

  contract('offsets grow, each publication knows the one before, and live and read are the same', async (t, engine) => {
    const { backplane, ear } = await start(t, engine)
    await backplane.subscribe(['a'])
    const empty = await backplane.read('a', HISTORY)
    assert.deepEqual(empty.publications, [])
    const positions = []
    for (const data of ['1', '2', '3']) positions.push(await backplane.publish('a', text(data, { history: HISTORY })))
    await engine.arrived()
    const { top, publications } = await backplane.read('a', HISTORY)
    assert.deepEqual(publications.map(({ payload }) => payload.data), ['1', '2', '3'])
    assert.deepEqual(publications.map(({ position: { epoch, offset } }) => ({ epoch, offset })), positions)
    assert.deepEqual(top, positions.at(-1))
    assert.deepEqual(ear.heard.map(([, { position }]) => position), publications.map(({ position }) => position))
    const offsets = [empty.top.offset, ...publications.map(({ position }) => position.offset)]
    assert.deepEqual(publications.map(({ position }) => position.prev), offsets.slice(0, -1), 'the first follows what was read before it')
    assert.ok(offsets.every((offset, n) => n === 0 || offset > offsets[n - 1]!))
    assert.equal(empty.top.epoch, top.epoch)
  })

  contract('a channel keeps its last publications only, and goes on counting', async (t, engine) => {
    const { backplane } = await start(t, engine)
    for (let n = 1; n <= 8; n++) await backplane.publish('a', text(String(n), { history: HISTORY }))
    const { publications } = await backplane.read('a', HISTORY)
    assert.deepEqual(publications.map(({ payload }) => payload.data), ['4', '5', '6', '7', '8'])
  })

  contract('reading after a position gives what is newer, up to a limit; a limit of 0 gives the top alone', async (t, engine) => {
    const { backplane } = await start(t, engine)
    const positions: Position[] = []
    for (const data of ['1', '2', '3', '4']) positions.push((await backplane.publish('a', text(data, { history: HISTORY })))!)
    const read = async (since?: typeof positions[number], limit?: number) =>
      (await backplane.read('a', HISTORY, since, limit)).publications.map(({ payload }) => payload.data)
    assert.deepEqual(await read(positions[1]), ['3', '4'])
    assert.deepEqual(await read(positions[0], 2), ['2', '3'])
    assert.deepEqual(await read(undefined, 1), ['1'])
    assert.deepEqual(await read(positions[3]), [])
    assert.deepEqual(await read(undefined, 0), [])
    assert.deepEqual(await read({ epoch: 'another', offset: positions[1]!.offset }), ['1', '2', '3', '4'])
    assert.deepEqual((await backplane.read('a', HISTORY, undefined, 0)).top, positions[3])
  })

  contract('publications without history have no position and do not count', async (t, engine) => {
    const { backplane } = await start(t, engine)
    const first = await backplane.publish('a', text('1', { history: HISTORY }))
    assert.equal(await backplane.publish('a', text('x')), undefined)
    assert.deepEqual((await backplane.read('a', HISTORY)).top, first)
  })

  contract('names like __proto__ are channels and members like any other', async (t, engine) => {
    const { backplane, ear } = await start(t, engine)
    for (const channel of ['__proto__', 'constructor', 'a:b:c', 'Ünïcode 😀']) {
      await backplane.subscribe([channel])
      await backplane.publish(channel, text('x', { history: HISTORY }))
      await backplane.presence.join(channel, member('__proto__'))
      await engine.arrived()
      assert.deepEqual(ear.texts(channel), ['x'])
      assert.equal((await backplane.read(channel, HISTORY)).publications.length, 1)
      assert.deepEqual(await backplane.presence.list(channel), [member('__proto__')])
    }
    assert.equal(Object.keys(Object.prototype).length, 0)
  })

  contract('presence tells who is there, and counts connections and people', async (t, engine) => {
    const { backplane } = await start(t, engine)
    const { presence } = backplane
    await presence.join('a', member('1', 'ann'))
    await presence.join('a', member('2', 'ann'))
    await presence.join('a', member('3', 'bob'))
    await presence.join('a', member('3', 'bob'))
    await presence.join('b', member('1', 'ann'))
    assert.deepEqual(await presence.count('a'), { clients: 3, users: 2 })
    await presence.leave('a', '1')
    await presence.leave('a', 'never was')
    await presence.leave('nowhere', '1')
    const members = [...await presence.list('a')].sort((a, b) => a.client.localeCompare(b.client))
    assert.deepEqual(members, [member('2', 'ann'), member('3', 'bob')])
    await presence.leave('a', '2')
    await presence.leave('a', '3')
    assert.deepEqual(await presence.list('a'), [])
    assert.deepEqual(await presence.count('a'), { clients: 0, users: 0 })
  })

  contract('whoever beats is among the living', async (t, engine) => {
    const { backplane } = await start(t, engine)
    const living = await backplane.beat({ id: 'me' }, 15_000)
    assert.ok(living.some(({ id }) => id === 'me'))
  })

  contract('two instances hear the same, in the same order, if the engine is shared', async (t, engine) => {
    const one = await start(t, engine)
    const two = engine.isShared ? await start(t, engine) : one
    await Promise.all([one.backplane.subscribe(['a']), two.backplane.subscribe(['a'])])
    await Promise.all(Array.from({ length: 20 }, (_, n) => (n % 2 === 0 ? one : two).backplane.publish('a', text(String(n), { history: { size: 100, ttl: 60_000 } }))))
    await engine.arrived()
    assert.equal(one.ear.heard.length, 20)
    assert.deepEqual(two.ear.texts('a'), one.ear.texts('a'))
    const offsets = one.ear.offsets('a')
    assert.deepEqual(offsets, [...offsets].sort((a, b) => a - b))
  })
}
