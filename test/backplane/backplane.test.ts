import assert from 'node:assert/strict'
import { test } from 'node:test'
import { memoryBackplane } from '../../src/index.ts'
import { Ear, member, testBackplane, text } from './contract.ts'
import { FaultyBackplane } from './faulty-backplane.ts'

const arrived = async (): Promise<void> => {}

testBackplane('memory', async () => ({ create: () => memoryBackplane(), arrived, isShared: false }))
testBackplane('the double for faults, with none', async () => ({ create: () => new FaultyBackplane(), arrived, isShared: false }))

test('memory forgets publications when their time is over, and remembers where they ended', t => {
  t.mock.timers.enable({ apis: ['setInterval'] })
  const history = { size: 10, ttl: 1 }
  return (async () => {
    const backplane = memoryBackplane()
    t.after(() => backplane.close())
    const position = await backplane.publish('a', text('x', { history }))
    const before = performance.now()
    while (performance.now() - before < 2); // the clock of histories is the monotonic one, which cannot be mocked
    const read = await backplane.read('a', history)
    assert.deepEqual([read.publications, read.top], [[], position])
    t.mock.timers.tick(1_000)
    assert.deepEqual((await backplane.read('a', history)).top, position)
    const next = await backplane.publish('a', text('y', { history }))
    assert.equal(next!.offset, position!.offset + 1)
  })()
})

test('memory holds no more history than it may: the channel that was silent longest loses its own', async t => {
  const backplane = memoryBackplane({ maxHistoryBytes: 10_000 })
  t.after(() => backplane.close())
  const history = { size: 100, ttl: 60_000 }
  const kept = async (channel: string) => (await backplane.read(channel, history)).publications.length
  for (const channel of ['a', 'b', 'c']) await backplane.publish(channel, text('x'.repeat(3_000), { history }))
  await backplane.publish('a', text('again', { history }))
  await backplane.publish('d', text('x'.repeat(3_000), { history }))
  assert.deepEqual([await kept('a'), await kept('b'), await kept('c'), await kept('d')], [2, 0, 1, 1])
  await backplane.publish('e', text('x'.repeat(20_000), { history }))
  assert.deepEqual([await kept('a'), await kept('c'), await kept('e')], [0, 0, 0], 'also if one alone is too much')
})

test('memory remembers the positions of channels that sleep, but not of endlessly many', async t => {
  const backplane = memoryBackplane()
  t.after(() => backplane.close())
  const history = { size: 1, ttl: 60_000 }
  await backplane.subscribe(['held'])
  const held = await backplane.read('held', history)
  const first = await backplane.read('first', history)
  assert.deepEqual(await backplane.read('first', history), first)
  for (let n = 0; n < 100_001; n++) await backplane.read(`other:${n}`, history)
  assert.notEqual((await backplane.read('first', history)).top.epoch, first.top.epoch)
  assert.equal((await backplane.read('held', history)).top.epoch, held.top.epoch, 'who is subscribed is not forgotten')
})

test('a closed memory backplane tells nobody anything', async () => {
  const backplane = memoryBackplane()
  const ear = new Ear()
  await backplane.start('me', ear)
  await backplane.subscribe(['a'])
  await backplane.presence.join('a', member('1'))
  await backplane.close()
  await backplane.publish('a', text('x'))
  assert.deepEqual(ear.heard, [])
})
