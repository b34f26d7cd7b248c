import assert from 'node:assert/strict'
import { test } from 'node:test'
import { buildApp, listen } from '../helpers/app.ts'
import { ChannelClient, type Result } from '../helpers/channel-client.ts'
import { until } from '../helpers/until.ts'

const history = { size: 5, ttl: 60_000 }
const values = ({ publications = [] }: Result) => publications.map(({ data }) => data)

test('history without a limit, or with 0, tells where the channel stands, and nothing else', async t => {
  const app = await buildApp(t, { channels: { defaults: { history } } })
  const client = await ChannelClient.join(app)
  const { epoch, ...empty } = await client.ok('history', { channel: 'a' })
  assert.deepEqual(empty, { offset: 0, publications: [] })
  assert.ok(epoch!.length > 0)
  for (let i = 1; i <= 3; i++) await app.realtime.publish('a', i)
  for (const limit of [undefined, 0]) assert.deepEqual(await client.ok('history', { channel: 'a', limit }), { epoch, offset: 3, publications: [] })
})

test('history pages forward and backward, with a limit and since a position, subscribed or not', async t => {
  const app = await buildApp(t, { channels: { defaults: { history } } })
  const client = await ChannelClient.join(app)
  for (let i = 1; i <= 7; i++) await app.realtime.publish('a', i)
  for (const subscribed of [false, true]) {
    if (subscribed) await client.ok('subscribe', { channel: 'a' })
    const { epoch } = await client.ok('history', { channel: 'a' })
    const page = async (request: object) => values(await client.ok('history', { channel: 'a', ...request }))
    assert.deepEqual(await page({ limit: 10 }), [3, 4, 5, 6, 7])
    assert.deepEqual(await page({ limit: 2 }), [3, 4])
    assert.deepEqual(await page({ limit: 2, reverse: true }), [7, 6])
    assert.deepEqual(await page({ limit: 2, since: { epoch, offset: 4 } }), [5, 6])
    assert.deepEqual(await page({ limit: 9, since: { epoch, offset: 2 } }), [3, 4, 5, 6, 7])
    assert.deepEqual(await page({ limit: 9, since: { epoch, offset: 7 } }), [])
    assert.deepEqual(await page({ limit: 2, since: { epoch, offset: 6 }, reverse: true }), [5, 4])
    assert.deepEqual(await page({ limit: 9, since: { epoch, offset: 3 }, reverse: true }), [])
    const gone = [{ epoch, offset: 1 }, { epoch, offset: 8 }, { epoch: 'another', offset: 5 }, { epoch }, { offset: 0 }]
    for (const since of gone) {
      assert.deepEqual(await client.error('history', { channel: 'a', limit: 9, since }), { code: 112, message: 'unrecoverable position' }, JSON.stringify(since))
    }
    assert.equal(await client.code('history', { channel: 'a', limit: 9, since: { epoch: 'another', offset: 5 }, reverse: true }), 112)
  }
})

test('publications of history carry their offset and who published them', async t => {
  const app = await buildApp(t, { channels: { defaults: { history } } })
  const client = await ChannelClient.join(app, 'alice')
  const { client: id } = { client: [...app.realtime.connections][0]!.id }
  await client.ok('publish', { channel: 'a', data: 'x' })
  assert.deepEqual((await client.ok('history', { channel: 'a', limit: 1 })).publications, [{ data: 'x', info: { user: 'alice', client: id }, offset: 1 }])
})

test('who comes back gets all that was missed, once and in order, and then what is new', async t => {
  const app = await buildApp(t, { channels: { defaults: { history } } })
  const client = await ChannelClient.join(app)
  const { epoch, offset } = await client.ok('subscribe', { channel: 'a' })
  await client.ok('unsubscribe', { channel: 'a' })
  for (let i = 1; i <= 3; i++) await app.realtime.publish('a', i)
  const back = await client.ok('subscribe', { channel: 'a', recover: true, epoch, offset })
  assert.deepEqual({ ...back, publications: values(back) }, {
    recoverable: true, positioned: true, epoch, offset: 0, was_recovering: true, recovered: true, publications: [1, 2, 3]
  })
  await app.realtime.publish('a', 4)
  assert.deepEqual(await client.push(), { channel: 'a', pub: { data: 4, offset: 4 } })
})

test('what cannot be recovered whole is not recovered at all, and the reply says where to go on', async t => {
  const app = await buildApp(t, { channels: { defaults: { history } } })
  const client = await ChannelClient.join(app)
  for (let i = 1; i <= 7; i++) await app.realtime.publish('a', i)
  const { epoch } = await client.ok('history', { channel: 'a' })
  const lost = [{ epoch, offset: 1 }, { epoch, offset: 8 }, { epoch, offset: Number.MAX_SAFE_INTEGER }, { epoch: 'another', offset: 6 }, {}, { epoch: '__proto__', offset: 7 }]
  for (const position of lost) {
    const result = await client.ok('subscribe', { channel: 'a', recover: true, ...position })
    assert.deepEqual(result, { recoverable: true, positioned: true, epoch, offset: 7, was_recovering: true, recovered: false }, JSON.stringify(position))
    await client.ok('unsubscribe', { channel: 'a' })
  }
  const result = await client.ok('subscribe', { channel: 'a', recover: true, epoch, offset: 7 })
  assert.deepEqual([result.recovered, result.offset, result.publications], [true, 7, undefined])
})

test('in cache mode, every new subscriber gets the latest, unless it has it', async t => {
  const app = await buildApp(t, { channels: { defaults: { history, mode: 'cache' } } })
  const client = await ChannelClient.join(app)
  const subscribe = async (request: object = {}) => {
    const result = await client.ok('subscribe', { channel: 'a', ...request })
    await client.ok('unsubscribe', { channel: 'a' })
    return result
  }
  assert.equal((await subscribe()).publications, undefined)
  for (let i = 1; i <= 3; i++) await app.realtime.publish('a', i)
  const first = await subscribe()
  assert.deepEqual([first.was_recovering, first.recovered, values(first)], [true, true, [3]])
  const known = await subscribe({ recover: true, epoch: first.epoch, offset: 3 })
  assert.deepEqual([known.recovered, values(known)], [true, []])
  const behind = await subscribe({ recover: true, epoch: first.epoch, offset: 1 })
  assert.deepEqual([behind.recovered, values(behind)], [true, [3]])
})

test('recovery: false keeps history for those who ask, and recovers nothing', async t => {
  const app = await buildApp(t, { channels: { defaults: { history, recovery: false } } })
  const client = await ChannelClient.join(app)
  await app.realtime.publish('a', 1)
  const { epoch } = await client.ok('history', { channel: 'a' })
  const result = await client.ok('subscribe', { channel: 'a', recover: true, epoch, offset: 0, positioned: true })
  assert.deepEqual(result, { recoverable: false, positioned: true, epoch, offset: 1, was_recovering: true, recovered: false })
})

test('a reply with history is no larger than a connection may have waiting, and who asks on gets the rest', async t => {
  const app = await buildApp(t, { limits: { maxBuffered: 10_000 }, channels: { defaults: { history: { size: 100, ttl: 60_000 } } } })
  const base = await listen(app)
  const client = await ChannelClient.dial(base)
  await client.ok('connect', { token: 'alice' })
  for (let i = 0; i < 50; i++) await app.realtime.publish('a', { i, text: 'x'.repeat(1_000) })
  const seen: unknown[] = []
  let since = { epoch: (await client.ok('history', { channel: 'a' })).epoch!, offset: 0 }
  for (;;) {
    const result = await client.ok('history', { channel: 'a', limit: 100, since })
    if (result.publications!.length === 0) break
    assert.ok(JSON.stringify(result).length < 10_500)
    seen.push(...result.publications!.map(({ data }) => (data as { i: number }).i))
    since = { ...since, offset: result.publications!.at(-1)!.offset! }
  }
  assert.deepEqual(seen, Array.from({ length: 50 }, (_, i) => i))
  const far = await client.ok('subscribe', { channel: 'a', recover: true, epoch: since.epoch, offset: 0 })
  assert.deepEqual([far.recovered, far.offset, far.publications], [false, 50, undefined])
})

test('a reader that is too slow for the history it asks for is 3008, and its commands are not worked off in vain', async t => {
  const app = await buildApp(t, { limits: { maxBuffered: 100_000 }, closeTimeout: 50, channels: { defaults: { history: { size: 100, ttl: 60_000 } } } })
  const base = await listen(app)
  const client = await ChannelClient.dial(base)
  await client.ok('connect', { token: 'alice' })
  for (let i = 0; i < 100; i++) await app.realtime.publish('a', 'x'.repeat(10_000))
  client.client.socket.pause()
  const commands = Array.from({ length: 1_000 }, (_, i) => JSON.stringify({ id: 1_000 + i, history: { channel: 'a', limit: 100 } }))
  client.raw(commands.join('\n'))
  await until(() => app.realtime.connections.size === 0)
  assert.equal(app.realtime.stats().slowConsumers, 1)
  assert.ok(app.realtime.stats().bytesOut < 100_000_000)
  client.client.socket.resume()
  await client.closed
})
