import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { FastifyInstance } from 'fastify'
import { authenticate, buildApp } from '../helpers/app.ts'
import { ChannelClient } from '../helpers/channel-client.ts'
import { until } from '../helpers/until.ts'

const methods = ['connect', 'subscribe', 'unsubscribe', 'publish', 'presence', 'presence_stats', 'history', 'rpc', 'send', 'refresh', 'sub_refresh']
const channel = fc.oneof({ weight: 6, arbitrary: fc.constantFrom('room', 'other', 'quiet:a', 'room\u2028', '__proto__', '') }, { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 5 }) })
const junk = fc.jsonValue({ maxDepth: 2 })
const position = {
  epoch: fc.option(fc.string({ maxLength: 3 }), { nil: undefined }),
  offset: fc.oneof({ weight: 10, arbitrary: fc.option(fc.nat(20), { nil: undefined }) }, { weight: 1, arbitrary: junk })
}
const request = fc.oneof(
  {
    weight: 20,
    arbitrary: fc.record({
      channel,
      data: fc.oneof(junk, fc.constant(undefined)),
      recover: fc.boolean(),
      ...position,
      flag: fc.constantFrom(undefined, 0, 1),
      join_leave: fc.boolean(),
      limit: fc.constantFrom(undefined, 0, 1, 100),
      since: fc.option(fc.record(position), { nil: undefined }),
      reverse: fc.constantFrom(undefined, true),
      method: fc.constantFrom('echo', 'nothing', '__proto__'),
      token: fc.constantFrom('alice', 'alice', 'alice', undefined)
    }, { requiredKeys: ['channel'] })
  },
  { weight: 1, arbitrary: junk },
  { weight: 1, arbitrary: fc.dictionary(fc.constantFrom('channel', '__proto__', 'constructor', 'data', 'token'), junk) }
)
const id = fc.oneof({ weight: 200, arbitrary: fc.integer({ min: 1, max: 1_000 }) }, { weight: 1, arbitrary: junk })
const command = fc.oneof(
  { weight: 100, arbitrary: fc.tuple(id, fc.constantFrom(...methods.slice(1)), request).map(([id, method, request]) => JSON.stringify({ id, [method]: request })) },
  { weight: 1, arbitrary: fc.tuple(id, fc.constantFrom(...methods), request, junk).map(([id, method, request, more]) => JSON.stringify({ id, [method]: request, more })) },
  { weight: 1, arbitrary: fc.constantFrom('{}', '', 'null', '[]', '{"id":1,"subscribe":{"channel":"room"', '{"id":1,"__proto__":{}}') }
)
const CLOSES = new Set([1000, 1005, 3500, 3501])

/** Says it all in frames of a few commands; whoever is thrown out is not asked for more. Returns how many were carried out. */
async function say (app: FastifyInstance, commands: readonly string[], perFrame: number): Promise<number> {
  const client = await ChannelClient.join(app)
  const socket = client.client.socket
  for (let i = 0; i < commands.length && socket.readyState === socket.OPEN; i += perFrame) client.raw(commands.slice(i, i + perFrame).join('\n'))
  const last = client.reply(4_000_000_000)
  if (socket.readyState === socket.OPEN) client.raw('{"id":4000000000,"unsubscribe":{"channel":"end"}}')
  await Promise.race([last, client.closed])
  for (const { error } of client.strays) if (error !== undefined) assert.ok([102, 103, 104, 105, 106, 107, 108, 109, 112].includes(error.code), JSON.stringify(error))
  const { code } = await client.close()
  assert.ok(CLOSES.has(code), String(code))
  return client.strays.filter(({ error }) => error === undefined).length
}

test('whatever random commands say, the process lives, and a healthy client gets exactly what is published into its channel', async t => {
  const app = await buildApp(t, {
    channels: { defaults: { history: { size: 5, ttl: 60_000 }, presence: true, joinLeave: true }, maxChannelsPerConnection: 5 },
    auth: { authenticate, authorize: (_principal, action, channel) => channel !== 'quiet:a' && !(channel === 'room' && action === 'publish') }
  })
  app.realtime.rpc('echo', {}, (_connection, params) => params)
  app.realtime.onMessage(() => {})
  const warnings: unknown[] = []
  const onRejection = (error: unknown): void => { warnings.push(error) }
  process.on('unhandledRejection', onRejection)
  t.after(() => process.off('unhandledRejection', onRejection))
  const healthy = await ChannelClient.join(app)
  await healthy.ok('subscribe', { channel: 'room' })
  await healthy.ok('subscribe', { channel: 'room\u2028private' })
  const prototype = JSON.stringify(Object.getOwnPropertyNames(Object.prototype))
  let published = 0
  let done = 0
  await fc.assert(fc.asyncProperty(fc.array(command, { maxLength: 40, size: 'max' }), fc.integer({ min: 1, max: 10 }), async (commands, perFrame) => {
    done += await say(app, commands, perFrame)
    await app.realtime.publish('room', ++published)
    await healthy.roundTrip()
    assert.deepEqual(healthy.pushes.splice(0), [{ channel: 'room', pub: { data: published, offset: published } }])
  }), { numRuns: 250 })
  assert.equal(JSON.stringify(Object.getOwnPropertyNames(Object.prototype)), prototype)
  assert.deepEqual(healthy.strays, [])
  assert.ok(done > 500, `${done} commands were carried out`)
  await until(() => app.realtime.connections.size === 1)
  assert.equal(app.realtime.stats().channels, 2)
  assert.deepEqual([warnings, app.realtime.stats().handlerErrors], [[], 0])
  assert.deepEqual(app.logged.filter(({ level }) => Number(level) >= 50), [])
})
