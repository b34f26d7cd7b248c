import assert from 'node:assert/strict'
import { test } from 'node:test'
import { buildApp, listen } from '../helpers/app.ts'
import { ChannelClient } from '../helpers/channel-client.ts'

const everything = { defaults: { history: { size: 10, ttl: 60_000 }, presence: true, joinLeave: true } }

test('a frame that is not of the protocol is 3501, whatever is wrong with it', async t => {
  const app = await buildApp(t, { channels: everything })
  const frames: Array<string | Buffer> = [
    'x', '[]', '[{}]', 'null', 'true', '1', '"{}"', '{', '{"id":1', '{"id":1,"unsubscribe":{"channel":"a"}', '{"id":1}', '{"id":1,"unknown":{}}', '{"id":1,"subscribe":null}',
    '{"id":1,"__proto__":{"subscribe":{"channel":"a"}}}', '{"id":1,"constructor":{}}', '{"id":1,"toString":{}}', '\ufeff{}', '{}{}', '{"a":undefined}',
    Buffer.from('{"id":1,"unsubscribe":{"channel":"a"}}'), Buffer.alloc(0), Buffer.from([0, 1, 2, 255])
  ]
  for (const id of ['0', '-1', '1.5', '4294967296', '1e99', '"1"', 'null', 'true', '[1]', '{}', '-0']) frames.push(`{"id":${id},"unsubscribe":{"channel":"a"}}`)
  frames.push('{"unsubscribe":{"channel":"a"}}', '{"send":5}')
  for (const frame of frames) {
    const client = await ChannelClient.join(app)
    client.raw(frame)
    assert.deepEqual(await client.closed, { code: 3501, reason: 'bad request' }, String(frame))
    assert.deepEqual([client.strays, client.pushes], [[], []])
  }
})

test('a frame with one thing that is not of the protocol does nothing at all', async t => {
  const app = await buildApp(t, { channels: everything })
  const client = await ChannelClient.join(app)
  client.raw('{"id":1,"publish":{"channel":"a","data":1}}\nnonsense')
  assert.equal((await client.closed).code, 3501)
  const other = await ChannelClient.join(app)
  assert.equal((await other.ok('history', { channel: 'a' })).offset, 0)
})

test('empty lines and pongs that nobody asked for are let pass', async t => {
  const app = await buildApp(t)
  const client = await ChannelClient.join(app)
  for (const frame of ['', '\n', '\n\n\n', '{}', '{}\n{}', ' {} ', '\r\n', '{ }', Buffer.from('{}')]) client.raw(frame)
  const reply = client.reply(5)
  client.raw('\n\n{"id":5,"unsubscribe":{"channel":"a"}}\n\n{}\n')
  await reply
  await client.roundTrip()
})

test('a request whose fields are of another kind is 107 that names the field, and the connection lives on', async t => {
  const app = await buildApp(t, { channels: everything })
  const client = await ChannelClient.join(app)
  const position = { recover: true, epoch: 'e' }
  const bad: ReadonlyArray<readonly [method: string, field: string, request: unknown]> = [
    ['subscribe', '/channel', {}], ['subscribe', '/channel', { channel: 5 }], ['subscribe', '/channel', { channel: null }], ['subscribe', '/channel', { channel: ['a'] }],
    ['subscribe', '', 'a'], ['subscribe', '', []], ['subscribe', '/token', { channel: 'a', token: 5 }], ['subscribe', '/recover', { channel: 'a', recover: 'true' }],
    ['subscribe', '/offset', { channel: 'a', ...position, offset: -1 }], ['subscribe', '/offset', { channel: 'a', ...position, offset: 2 ** 53 }],
    ['subscribe', '/offset', { channel: 'a', ...position, offset: 1.5 }], ['subscribe', '/offset', { channel: 'a', ...position, offset: '1' }],
    ['subscribe', '/epoch', { channel: 'a', epoch: 5 }], ['subscribe', '/flag', { channel: 'a', flag: -1 }], ['subscribe', '/flag', { channel: 'a', flag: '1' }],
    ['subscribe', '/join_leave', { channel: 'a', join_leave: 1 }], ['subscribe', '/positioned', { channel: 'a', positioned: {} }],
    ['unsubscribe', '/channel', {}], ['publish', '/data', { channel: 'a' }], ['publish', '/channel', { data: 1 }], ['presence', '/channel', { channel: {} }], ['presence_stats', '/channel', {}],
    ['history', '/limit', { channel: 'a', limit: -1 }], ['history', '/limit', { channel: 'a', limit: 0.5 }], ['history', '/limit', { channel: 'a', limit: '1' }],
    ['history', '/since', { channel: 'a', since: 5 }], ['history', '/since/offset', { channel: 'a', since: { offset: -1 } }], ['history', '/reverse', { channel: 'a', reverse: 1 }],
    ['rpc', '/method', { method: 5 }], ['refresh', '/token', {}], ['sub_refresh', '/token', { channel: 'a' }], ['sub_refresh', '/channel', { token: 'a' }]
  ]
  for (const [method, field, request] of bad) {
    const { code, message } = await client.error(method, request)
    assert.equal(code, 107, `${method} ${JSON.stringify(request)}`)
    assert.ok(message.startsWith(`bad request: ${method}${field}: `), message)
  }
  assert.equal(app.realtime.stats().channels, 0)
})

test('a channel name that cannot be is 107, whatever the command, and any other string is a name', async t => {
  const app = await buildApp(t, { channels: { ...everything, maxChannelLength: 10 } })
  const client = await ChannelClient.join(app)
  for (const channel of ['', 'x'.repeat(11), 'a\nb', '\u0000', 'a\u007f', '\u0085', '\ud800', '\udc00x']) {
    for (const method of ['subscribe', 'publish', 'presence', 'presence_stats', 'history']) {
      assert.equal(await client.code(method, { channel, data: 1 }), 107, `${method} ${JSON.stringify(channel)}`)
    }
    assert.deepEqual(await client.ok('unsubscribe', { channel }), {})
  }
  for (const channel of ['__proto__', 'toString', 'x'.repeat(10), '"', '\\', 'ö\u2028', '😀', ' ', '*', 'a:b:c', ':']) {
    await client.ok('subscribe', { channel, join_leave: true })
    assert.equal((await client.push()).channel, channel)
    await client.ok('publish', { channel, data: channel })
    assert.deepEqual((await client.push()).pub!.data, channel)
    assert.equal((await client.ok('history', { channel, limit: 5 })).publications!.length, 1)
    assert.equal((await client.ok('presence_stats', { channel })).num_clients, 1)
    await client.ok('unsubscribe', { channel })
  }
  assert.equal(app.realtime.stats().channels, 0)
})

test('keys that mean something to JavaScript are data like any other', async t => {
  const app = await buildApp(t, { channels: everything, limits: { maxPayload: 4_194_304 } })
  app.realtime.rpc('echo', {}, (_connection, params) => params)
  app.realtime.onConnect((_connection, data) => data)
  const nasty = '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},"toString":1,"toJSON":1,"then":1,"length":-1}'
  const client = await ChannelClient.open(app)
  const welcome = client.reply(1)
  client.raw(`{"id":1,"connect":{"token":"alice","data":${nasty},"subs":{"__proto__":{"recover":true},"constructor":{}},"__proto__":{"token":"bob"}},"__proto__":{"polluted":1}}`)
  assert.equal(JSON.stringify((await welcome).connect!.data), nasty)
  await client.ok('subscribe', { channel: 'a' })
  for (const command of [`{"id":1000,"rpc":{"method":"echo","data":${nasty}}}`, `{"id":1000,"publish":{"channel":"a","data":${nasty},"__proto__":{"channel":"b"}}}`]) {
    const reply = client.reply(1000)
    client.raw(command)
    const { error, rpc } = await reply
    assert.equal(error, undefined)
    if (rpc !== undefined) assert.equal(JSON.stringify(rpc.data), nasty)
  }
  assert.equal(JSON.stringify((await client.push()).pub!.data), nasty)
  assert.equal(({} as Record<string, unknown>).polluted, undefined)
  assert.deepEqual([...app.realtime.connections].map(({ principal }) => principal.id), ['alice'])
})

test('data nested deeper than it can be written is 107 for publish, 100 for an rpc that returns it, 3004 for an onConnect', async t => {
  const app = await buildApp(t, { limits: { maxPayload: 4_194_304 } })
  app.realtime.rpc('echo', {}, (_connection, params) => params)
  app.realtime.rpc('swallow', {}, () => 'gone')
  app.realtime.onConnect((_connection, data) => data)
  const deep = '['.repeat(100_000) + ']'.repeat(100_000)
  const client = await ChannelClient.join(app)
  await client.ok('subscribe', { channel: 'a' })
  const ask = async (command: string) => {
    const reply = client.reply(500)
    client.raw(`{"id":500,${command}}`)
    return (await reply).error?.code
  }
  assert.equal(await ask(`"publish":{"channel":"a","data":${deep}}`), 107)
  assert.equal(await ask(`"rpc":{"method":"echo","data":${deep}}`), 100)
  assert.equal(await ask(`"rpc":{"method":"swallow","data":${deep}}`), undefined)
  assert.equal(await ask(`"subscribe":{"channel":"b","data":${deep},"tf":null}`), undefined)
  assert.equal(await ask(`"unsubscribe":${deep}`), 107)
  assert.deepEqual(client.pushes, [])
  const other = await ChannelClient.open(app)
  other.raw(`{"id":1,"connect":{"token":"alice","data":${deep}}}`)
  assert.equal((await other.closed).code, 3004)
})

test('a million brackets, closed or not, harm nobody', async t => {
  const app = await buildApp(t, { limits: { maxPayload: 4_194_304 } })
  const base = await listen(app)
  const healthy = await ChannelClient.dial(base)
  await healthy.ok('connect', { token: 'alice' })
  for (const [text, code] of [['['.repeat(1_000_000), 3501], ['['.repeat(1_000_000) + ']'.repeat(1_000_000), 3501], ['{"a":'.repeat(500_000), 3501]] as const) {
    for (const token of ['', 'alice']) {
      const client = await ChannelClient.dial(base)
      if (token !== '') await client.ok('connect', { token })
      client.raw(text)
      assert.equal((await client.closed).code, code)
    }
  }
  await healthy.roundTrip()
})

test('more commands in a frame than a client can have use for are 3501, none of them carried out; a thousand are answered in order', async t => {
  const app = await buildApp(t, { limits: { maxPayload: 4_194_304 }, channels: everything })
  const commands = (count: number, method = 'publish') => Array.from({ length: count }, (_, i) => `{"id":${i + 10},"${method}":{"channel":"a","data":${i}}}`).join('\n')
  const client = await ChannelClient.join(app)
  client.raw(commands(10_000))
  assert.equal((await client.closed).code, 3501)
  const blank = await ChannelClient.join(app)
  blank.raw('\n'.repeat(1_000_000))
  assert.equal((await blank.closed).code, 3501)
  const other = await ChannelClient.join(app)
  await other.ok('subscribe', { channel: 'a' })
  assert.equal((await other.ok('history', { channel: 'a' })).offset, 0)
  const last = other.reply(1_009)
  other.raw(commands(1_000))
  await last
  assert.deepEqual(await other.data(1_000), Array.from({ length: 1_000 }, (_, i) => i))
  assert.deepEqual(other.strays.map(({ id }) => id), Array.from({ length: 999 }, (_, i) => i + 10))
})

test('commands beyond the message rate are 3013, or wait their time where the rate says pause', async t => {
  const strict = await buildApp(t, { limits: { messageRate: { messages: 5, per: 60_000, onExceed: 'close' } } })
  const client = await ChannelClient.join(strict)
  client.raw(Array.from({ length: 6 }, (_, i) => `{"id":${i + 10},"unsubscribe":{"channel":"a"}}`).join('\n'))
  assert.deepEqual(await client.closed, { code: 3013, reason: 'too many requests' })
  for (const empty of ['{}', '{}\n{}', '']) {
    const chatterbox = await ChannelClient.join(strict)
    for (let i = 0; i < 6; i++) chatterbox.raw(empty)
    assert.equal((await chatterbox.closed).code, 3013, 'answers to pings that nobody sent')
  }
  assert.ok(strict.realtime.stats().messagesIn >= 19)
  const patient = await buildApp(t, { limits: { messageRate: { messages: 5, per: 50, onExceed: 'pause' } } })
  const slow = await ChannelClient.join(patient)
  const since = performance.now()
  await Promise.all(Array.from({ length: 15 }, () => slow.roundTrip()))
  assert.ok(performance.now() - since > 80)
})
