import assert from 'node:assert/strict'
import { test } from 'node:test'
import Fastify from 'fastify'
import { Type } from '@sinclair/typebox'
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
  ['an origin with a path', { auth: false, allowedOrigins: ['https://example.com/'] }, /allowedOrigins\.0: Expected an origin .*'https:\/\/example\.com\/'/],
  ['an origin without a scheme', { auth: false, allowedOrigins: ['example.com'] }, /allowedOrigins\.0: Expected an origin /],
  ['one origin that is no list', { auth: false, allowedOrigins: 'https://example.com' }, /allowedOrigins: Expected 'same-origin', '\*', a list of origins, or a function, got 'https/],
  ['a heartbeat of 10', { auth: false, heartbeat: 10 }, /heartbeat: Expected an object, or a boolean, got 10/],
  ['a namespace with its colon', { auth: false, channels: { namespaces: { 'news:': {} } } }, /channels\.namespaces\.news:.*before the first ':'/],
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

test('origins of any scheme may be allowed', () => {
  for (const origin of ['https://example.com', 'http://[::1]:3000', 'capacitor://localhost', 'null']) {
    assert.deepEqual(resolveOptions({ auth: false, allowedOrigins: [origin] }).allowedOrigins, [origin])
  }
})

const works = () => {}
const wrongCalls: ReadonlyArray<[name: string, method: 'route' | 'rpc' | 'onConnect' | 'onMessage', args: readonly unknown[], message: RegExp]> = [
  ['a misspelled permission of a route', 'route', [{ url: '/admin', permissions: 'admin' }, {}], /route\(\/admin\)\.permissions: Unexpected property/],
  ['a permission that is no text', 'route', [{ url: '/admin', permission: ['admin'] }, {}], /route\(\/admin\)\.permission: Expected string/],
  ['a route without a url', 'route', [{}, {}], /route\(\)\.url: is required/],
  ['a route of nothing', 'route', [], /route\(\): is required/],
  ['a url without a slash', 'route', [{ url: 'admin' }, {}], /route\(admin\)\.url: Expected a path that begins with '\/', got 'admin'/],
  ['a misspelled handler', 'route', [{ url: '/a' }, { onmessage: works }], /route\(\/a\)\.onmessage: Unexpected property/],
  ['a handler that is no function', 'route', [{ url: '/a' }, { message: 'hi' }], /route\(\/a\)\.message: Expected/],
  ['a message schema of something else', 'route', [{ url: '/a', message: { type: 'object' } }, {}], /route\(\/a\)\.message: Expected a schema of @sinclair\/typebox/],
  ['a misspelled permission of a method', 'rpc', ['a', { permissions: 'admin' }, works], /rpc\(a\)\.permissions: Unexpected property/],
  ['a method whose name is no text', 'rpc', [5, {}, works], /rpc method: Expected string, got 5/],
  ['a method without a handler', 'rpc', ['a', {}], /rpc\(a\)\.handler: Expected a function, got undefined/],
  ['a method without options', 'rpc', ['a', works], /rpc\(a\): Expected object/],
  ['params of something else', 'rpc', ['a', { params: { type: 'object' } }, works], /rpc\(a\)\.params: Expected a schema of @sinclair\/typebox/],
  ['no handler of onConnect', 'onConnect', [], /onConnect: Expected a function, got undefined/],
  ['a word for onMessage', 'onMessage', ['x'], /onMessage: Expected a function, got 'x'/]
]

for (const [name, method, args, message] of wrongCalls) {
  test(`${name} is an error that names it, and adds nothing`, async t => {
    const app = Fastify()
    t.after(() => app.close())
    await app.register(realtime, { auth: false })
    assert.throws(() => (app.realtime[method] as (...args: unknown[]) => void)(...args), { code: 'FST_RT_INVALID_OPTION', message })
  })
}

test('handlers may be an instance of a class, with fields of its own', async t => {
  class Counter {
    count = 0
    message (): string { return `${++this.count}` }
  }
  const app = Fastify()
  t.after(() => app.close())
  await app.register(realtime, { auth: false })
  app.realtime.route({ url: '/count', message: Type.Number() }, new Counter())
})
