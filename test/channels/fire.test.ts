import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { setInterval as every } from 'node:timers/promises'
import type { SubscribedContext } from 'centrifuge'
import type { FastifyInstance } from 'fastify'
import { FaultyBackplane } from '../backplane/faulty-backplane.ts'
import { buildApp, listen } from '../helpers/app.ts'
import { ReferenceClient } from '../helpers/centrifuge.ts'

const RUNS = 50
const CLIENTS = 20
const MESSAGES = 1_000
const PER_TICK = 10 // every 5 ms: 2,000 a second
const DROPS_PER_TICK = 0.3

/** The same numbers for the same seed. */
function randomOf (seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

interface Fire {
  readonly seed: number
  readonly random: () => number
  readonly expected: readonly number[]
}

/** Publishes to clients whose connections are dropped at random moments, by either side. Returns how many were. */
async function fire (t: TestContext, app: FastifyInstance, base: string, { seed, random, expected }: Fire): Promise<{ drops: number, recoveries: number }> {
  const channel = `fire:${seed}`
  const clients = await Promise.all(Array.from({ length: CLIENTS }, () => new ReferenceClient(t, base).connect()))
  const receivers = await Promise.all(clients.map(client => client.subscribe(channel)))
  let drops = 0
  let recoveries = 0
  for (const { subscription } of receivers) {
    subscription.on('subscribed', ({ wasRecovering, recovered }: SubscribedContext) => {
      assert.ok(wasRecovering && recovered, `seed ${seed}`)
      recoveries++
    })
  }
  const ticks = every(5)[Symbol.asyncIterator]()
  for (let published = 0; published < expected.length; published += PER_TICK) {
    await ticks.next()
    for (const n of expected.slice(published, published + PER_TICK)) app.realtime.publish(channel, n)
    for (const client of clients) {
      if (random() > DROPS_PER_TICK / CLIENTS) continue
      drops++
      if (random() < 0.5) client.drop()
      else app.realtime.connections.get(client.id)?.terminate()
    }
  }
  await ticks.return!()
  await Promise.all(receivers.map(receiver => receiver.count(expected.length)))
  for (const receiver of receivers) assert.deepEqual(receiver.data, expected, `seed ${seed}`)
  for (const { client } of clients) client.disconnect()
  return { drops, recoveries }
}

const channels = { defaults: { history: { size: 5_000, ttl: 60_000 } } }
const numbers = (count: number): number[] => Array.from({ length: count }, (_, n) => n)

test('resume under fire: whoever is dropped, whenever, misses nothing, gets nothing twice, and everything in order', { timeout: 300_000 }, async t => {
  const app = await buildApp(t, { fastify: { logger: false }, channels })
  const base = await listen(app)
  const total = { drops: 0, recoveries: 0 }
  for (let seed = 1; seed <= RUNS; seed++) {
    const { drops, recoveries } = await fire(t, app, base, { seed, random: randomOf(seed), expected: numbers(MESSAGES) })
    total.drops += drops
    total.recoveries += recoveries
  }
  t.diagnostic(`${total.drops} drops, ${total.recoveries} recoveries`)
  assert.ok(total.drops > RUNS * 10 && total.recoveries > RUNS * 10)
})

test('the same with an engine that loses frames and repeats others', { timeout: 120_000 }, async t => {
  const backplane = new FaultyBackplane()
  const app = await buildApp(t, { fastify: { logger: false }, channels, backplane })
  const base = await listen(app)
  for (let seed = 1; seed <= 10; seed++) {
    const random = randomOf(seed)
    const expected = numbers(MESSAGES / 2)
    const last = String(expected.at(-1))
    // Not the last one: only the look at quiet channels would find that.
    backplane.lose = (_, { payload }) => payload.data !== last && random() < 0.02
    backplane.repeat = () => random() < 0.02
    await fire(t, app, base, { seed, random, expected })
  }
  t.diagnostic(`${app.realtime.stats().gaps} gaps`)
  assert.ok(app.realtime.stats().gaps > 10)
})
