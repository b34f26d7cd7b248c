import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { Feeds } from '../../src/backplane/feeds.ts'
import type { HistoryOptions, Position } from '../../src/index.ts'
import { until } from '../helpers/until.ts'
import { text } from './contract.ts'
import { FaultyBackplane } from './faulty-backplane.ts'

interface World {
  readonly backplane: FaultyBackplane
  readonly feeds: Feeds
  /** What was delivered to the channel `a`, in order. */
  readonly delivered: string[]
  /** Channels that were told to have lost something. */
  readonly lost: string[]
  /** Publishes numbers, one after the other. */
  publish (from: number, to?: number): Promise<Position | undefined>
}

async function createWorld (t: TestContext, history: HistoryOptions | null = { size: 1_000, ttl: 60_000 }): Promise<World> {
  const backplane = new FaultyBackplane()
  const delivered: string[] = []
  const lost: string[] = []
  const feeds = new Feeds({
    backplane,
    historyOf: () => history ?? undefined,
    deliver: (_feed, { payload }) => delivered.push(String(payload.data)),
    lost: channel => { lost.push(channel) },
    onChange () {}
  })
  await backplane.start('me', feeds)
  t.after(() => { feeds.close(); return backplane.close() })
  const publish = async (from: number, to = from): Promise<Position | undefined> => {
    let position: Position | undefined
    for (let n = from; n <= to; n++) position = await backplane.publishElsewhere('a', text(String(n), { history: history ?? undefined }))
    return position
  }
  return { backplane, feeds, delivered, lost, publish }
}

function gate (): { promise: Promise<void>, resolve: () => void } {
  let resolve!: () => void
  return { promise: new Promise(_resolve => { resolve = _resolve }), resolve }
}

function numbers (from: number, to: number): string[] {
  return Array.from({ length: to - from + 1 }, (_, n) => String(from + n))
}

test('a channel is subscribed once, for the first holder, and given up with the last', async t => {
  const { backplane, feeds, delivered, publish } = await createWorld(t, null)
  await Promise.all([feeds.acquire('a'), feeds.acquire('a')])
  await publish(1)
  feeds.release('a')
  await publish(2)
  feeds.release('a')
  await publish(3)
  assert.deepEqual(delivered, ['1', '2'])
  assert.deepEqual(backplane.calls, { publish: 0, subscribe: 1, unsubscribe: 1, read: 0 })
  feeds.release('a')
  feeds.release('never held')
  assert.equal(backplane.calls.unsubscribe, 1)
})

test('a frame that was lost is read again, and everything arrives once and in order', async t => {
  const { backplane, feeds, delivered, lost, publish } = await createWorld(t)
  await feeds.acquire('a')
  await publish(1, 3)
  backplane.lose = (_, { payload }) => ['4', '5'].includes(String(payload.data))
  await publish(4, 8)
  await feeds.acquire('a')
  assert.deepEqual(delivered, numbers(1, 8))
  assert.deepEqual([feeds.gaps, lost, backplane.calls.read], [1, [], 2])
})

test('a frame that comes twice is delivered once', async t => {
  const { backplane, feeds, delivered, publish } = await createWorld(t)
  await feeds.acquire('a')
  backplane.repeat = () => true
  await publish(1, 5)
  assert.deepEqual([delivered, feeds.gaps], [numbers(1, 5), 0])
})

test('what arrives while the gap is being read waits, and comes after it', async t => {
  const { backplane, feeds, delivered, publish } = await createWorld(t)
  await feeds.acquire('a')
  await publish(1)
  const { promise, resolve } = gate()
  backplane.lose = (_, { payload }) => payload.data === '2'
  backplane.stall = promise
  await publish(2, 6)
  assert.deepEqual(delivered, ['1'])
  resolve()
  await feeds.acquire('a')
  await publish(7)
  assert.deepEqual([delivered, feeds.gaps], [numbers(1, 7), 1])
})

test('a gap within what waits is found too', async t => {
  const { backplane, feeds, delivered, publish } = await createWorld(t)
  await feeds.acquire('a')
  const { promise, resolve } = gate()
  backplane.lose = (_, { payload }) => ['1', '4'].includes(String(payload.data))
  backplane.stallAnswers = promise
  await publish(1, 2)
  await until(() => backplane.calls.read === 2)
  // The answer is on its way, and does not have what comes now.
  await publish(3, 6)
  backplane.stallAnswers = undefined
  resolve()
  await feeds.acquire('a')
  assert.deepEqual([delivered, backplane.calls.read], [numbers(1, 6), 3])
})

test('an engine that has forgotten everything: the holders are told, and the new epoch goes on', async t => {
  const { backplane, feeds, delivered, lost, publish } = await createWorld(t)
  await feeds.acquire('a')
  await publish(1, 3)
  const before = feeds.get('a')!.top!
  await backplane.forget()
  await publish(4, 5)
  await feeds.acquire('a')
  assert.deepEqual([delivered, lost], [numbers(1, 5), ['a']])
  assert.notEqual(feeds.get('a')!.top!.epoch, before.epoch)
  assert.equal(feeds.get('a')!.missedSince(before), undefined)
})

test('more missed than the history holds is lost, and said so once', async t => {
  const { backplane, feeds, delivered, lost, publish } = await createWorld(t, { size: 3, ttl: 60_000 })
  await feeds.acquire('a')
  await publish(1)
  backplane.lose = () => true
  await publish(2, 9)
  backplane.lose = () => false
  await publish(10)
  await feeds.acquire('a')
  assert.deepEqual([lost, delivered], [['a'], ['1', '8', '9', '10']])
})

test('away and back: what was published meanwhile is read, and delivered in order', async t => {
  const { backplane, feeds, delivered, lost, publish } = await createWorld(t)
  await feeds.acquire('a')
  await publish(1, 2)
  backplane.disconnect()
  await publish(3, 5)
  await assert.rejects(feeds.publish('a', text('no')), /away/)
  backplane.reconnect()
  await feeds.acquire('a')
  await publish(6)
  assert.deepEqual([delivered, lost], [numbers(1, 6), []])
})

test('a quiet channel that lost its last frame is found by looking at the tops', async t => {
  t.mock.timers.enable({ apis: ['setInterval'] })
  const { backplane, feeds, delivered, publish } = await createWorld(t)
  await feeds.acquire('a')
  await publish(1)
  backplane.lose = () => true
  await publish(2)
  t.mock.timers.tick(30_000)
  await until(() => delivered.length === 2)
  assert.deepEqual([delivered, feeds.gaps], [['1', '2'], 1])
  t.mock.timers.tick(30_000)
  await until(() => backplane.calls.read === 4)
  assert.equal(feeds.gaps, 1)
})

test('an engine that cannot be reached rejects; whoever tries again later gets in', async t => {
  const { backplane, feeds, delivered, publish } = await createWorld(t)
  backplane.isAway = true
  await assert.rejects(feeds.acquire('a'), /away/)
  await assert.rejects(feeds.acquire('a'), /away/)
  backplane.isAway = false
  await feeds.acquire('a')
  await publish(1)
  assert.deepEqual(delivered, ['1'])
  for (let holder = 0; holder < 3; holder++) feeds.release('a')
  assert.equal(feeds.get('a'), undefined)
})

test('a gap that cannot be read is told as lost, and live publications go on', async t => {
  const { backplane, feeds, delivered, lost, publish } = await createWorld(t)
  await feeds.acquire('a')
  await publish(1)
  backplane.lose = (_, { payload }) => payload.data === '2'
  backplane.stall = Promise.reject(new Error('no answer'))
  backplane.stall.catch(() => {})
  await publish(2, 3)
  await assert.rejects(feeds.acquire('a'), /no answer/)
  assert.deepEqual([delivered, lost], [['1', '3'], ['a']])
  backplane.stall = undefined
  await feeds.acquire('a')
  await publish(4)
  assert.deepEqual(delivered, ['1', '3', '4'])
})

test('a reconnect storm reads a channel once', async t => {
  const { backplane, feeds, publish } = await createWorld(t)
  const since = await publish(1)
  await publish(2, 101)
  await Promise.all(Array.from({ length: 2_000 }, () => feeds.acquire('a')))
  const feed = feeds.get('a')!
  for (let client = 0; client < 2_000; client++) {
    assert.equal((await feed.olderThanRecent(since!)).length, 0)
    assert.equal(feed.missedSince(since!)!.length, 100)
  }
  assert.equal(backplane.calls.read, 1)
})

test('who has been away longer than what is kept here costs one read for all who wait', async t => {
  const { backplane, feeds, publish } = await createWorld(t)
  const since = await publish(1)
  await feeds.acquire('a')
  await publish(2, 800)
  const feed = feeds.get('a')!
  const resume = async (): Promise<number | undefined> => feed.missedSince(since!, await feed.olderThanRecent(since!))?.length
  assert.deepEqual(new Set(await Promise.all(Array.from({ length: 100 }, resume))), new Set([799]))
  assert.equal(backplane.calls.read, 2)
  assert.equal(feed.missedSince({ ...since!, offset: 700 })!.length, 100, 'who was away for less costs nothing')
})

test('a resume is whole or it is none', async t => {
  const { feeds, publish } = await createWorld(t, { size: 5, ttl: 60_000 })
  await feeds.acquire('a')
  const { epoch } = (await publish(1, 10))!
  const feed = feeds.get('a')!
  const missed = (offset: number, of = epoch) => feed.missedSince({ epoch: of, offset })?.map(({ payload }) => payload.data)
  assert.deepEqual(missed(10), [])
  assert.deepEqual(missed(7), ['8', '9', '10'])
  assert.deepEqual(missed(5), numbers(6, 10))
  assert.deepEqual([missed(4), missed(0), missed(11), missed(7, 'another')], [undefined, undefined, undefined, undefined])
  assert.deepEqual(missed(7, ''), ['8', '9', '10'], 'no epoch is any epoch')
})

test('what comes for a channel that nobody here holds is ignored', async t => {
  const { feeds, delivered } = await createWorld(t)
  feeds.deliver('nobody', text('stray'))
  assert.deepEqual(delivered, [])
})
