import assert from 'node:assert/strict'
import { test } from 'node:test'
import Fastify from 'fastify'
import { realtime } from '../src/index.ts'
import type { RealtimeOptions } from '../src/options.ts'
import { resolveOptions } from '../src/resolve-options.ts'

const authenticate = () => null

test('without options but auth, the defaults hold, and nothing can change them afterwards', () => {
  const options = resolveOptions({ auth: { authenticate } })
  assert.equal(options.prefix, '/ws')
  assert.deepEqual(options.echo, { prefix: '' })
  assert.equal(options.broadcast, true)
  assert.deepEqual(options.heartbeat, { interval: 10_000, timeout: 5_000 })
  assert.deepEqual(options.limits, {
    maxPayload: 65_536,
    maxBuffered: 1_048_576,
    slowConsumer: 'close',
    maxConnections: Infinity,
    maxConnectionsPerPrincipal: Infinity,
    maxConnectionsPerIp: Infinity,
    messageRate: false,
    handshakeTimeout: 10_000
  })
  assert.equal(options.allowedOrigins, 'same-origin')
  assert.equal(options.closeTimeout, 5_000)
  assert.deepEqual(options.auth.tokenFrom, ['header', 'subprotocol'])
  assert.equal(options.auth.queryName, 'token')
  for (const part of [options, options.limits, options.auth, options.heartbeat, options.echo]) assert.ok(Object.isFrozen(part))
})

test('an object that is given in part keeps the other defaults', () => {
  const options = resolveOptions({ auth: false, heartbeat: { interval: 20 }, limits: { maxPayload: 10 }, echo: { prefix: 'Server: ' } })
  assert.deepEqual(options.heartbeat, { interval: 20, timeout: 5_000 })
  assert.equal(options.limits.maxPayload, 10)
  assert.equal(options.limits.maxBuffered, 1_048_576)
  assert.deepEqual(options.echo, { prefix: 'Server: ' })
})

test('frozen options are taken as they are', () => {
  const given = Object.freeze({ auth: false as const, limits: Object.freeze({ maxPayload: 7 }) })
  assert.equal(resolveOptions(given).limits.maxPayload, 7)
})

const wrong: ReadonlyArray<[name: string, options: unknown, message: RegExp]> = [
  ['no options', undefined, /auth.*undefined/],
  ['no auth', {}, /auth.*undefined/],
  ['auth: true', { auth: true }, /auth.*true/],
  ['no authenticate', { auth: {} }, /auth\.authenticate.*undefined/],
  ['a token source that does not exist', { auth: { authenticate, tokenFrom: ['body'] } }, /auth\.tokenFrom\.0.*'body'/],
  ['no token source at all', { auth: { authenticate, tokenFrom: [] } }, /auth\.tokenFrom.*\[\]/],
  ["'cookie' without a name", { auth: { authenticate, tokenFrom: ['cookie'] } }, /auth\.cookieName.*undefined/],
  ['an anonymous that is no principal', { auth: { authenticate, anonymous: { id: 5, permissions: [] } } }, /auth\.anonymous\.id.*5/],
  ['a negative interval', { auth: false, heartbeat: { interval: -1 } }, /heartbeat\.interval.*-1/],
  ['a timeout as text', { auth: false, heartbeat: { timeout: '5s' } }, /heartbeat\.timeout.*'5s'/],
  ['a timeout beyond what a timer can hold', { auth: false, closeTimeout: 2 ** 31 }, /closeTimeout.*2147483648/],
  ['a payload of zero', { auth: false, limits: { maxPayload: 0 } }, /limits\.maxPayload.*0/],
  ['a payload of NaN', { auth: false, limits: { maxPayload: NaN } }, /limits\.maxPayload.*NaN/],
  ['a connection limit of zero', { auth: false, limits: { maxConnections: 0 } }, /limits\.maxConnections.*0/],
  ['a message rate without a policy', { auth: false, limits: { messageRate: { messages: 1, per: 1000 } } }, /limits\.messageRate\.onExceed.*required/],
  ['an origin that is no text', { auth: false, allowedOrigins: [5] }, /allowedOrigins\.0.*5/],
  ['a policy that does not exist', { auth: false, limits: { slowConsumer: 'ignore' } }, /limits\.slowConsumer.*'close', 'drop'.*'ignore'/],
  ['an echo prefix that is no text', { auth: false, echo: { prefix: 1 } }, /echo\.prefix.*1/],
  ['a prefix without a slash', { auth: false, prefix: 'ws' }, /prefix.*'ws'/],
  ['a prefix that ends in a slash', { auth: false, prefix: '/ws/' }, /prefix.*'\/ws\/'/],
  ['an unknown option', { auth: false, heartBeat: true }, /heartBeat/],
  ['an unknown limit', { auth: false, limits: { maxSize: 1 } }, /limits\.maxSize/]
]

for (const [name, options, message] of wrong) {
  test(`${name} is an error at register that names the path and the value`, async t => {
    const app = Fastify()
    t.after(() => app.close())
    await assert.rejects(async () => { await app.register(realtime, options as RealtimeOptions) }, { code: 'FST_RT_INVALID_OPTION', message })
  })
}
