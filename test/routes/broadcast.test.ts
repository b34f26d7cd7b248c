import assert from 'node:assert/strict'
import { test } from 'node:test'
import { authenticate, buildApp, bearer, listen } from '../helpers/app.ts'
import { connect, inject } from '../helpers/client.ts'

test('a message goes unchanged to everybody else in the channel and never back', async t => {
  const app = await buildApp(t)
  const base = await listen(app)
  const [alice, bob, listener] = await Promise.all(['alice', 'bob', 'listener'].map(token => connect(`${base}/ws/broadcast`, { token })))
  const messages = ['hello', '', Buffer.from([1, 2, 3]), Buffer.alloc(0), 'x'.repeat(65_536)]
  for (const message of messages) alice!.send(message)
  assert.deepEqual(await bob!.take(5), messages)
  assert.deepEqual(await listener!.take(5), messages)
  bob!.send('last')
  assert.equal(await alice!.next(), 'last')
  assert.deepEqual(bob!.unread, [])
})

test('channels are separate', async t => {
  const app = await buildApp(t)
  const news = await inject(app, '/ws/broadcast?channel=news')
  const other = await inject(app, '/ws/broadcast?channel=other')
  const sender = await inject(app, '/ws/broadcast?channel=news')
  sender.send('n')
  assert.equal(await news.next(), 'n')
  await other.roundTrip()
  assert.deepEqual(other.unread, [])
  assert.equal(app.realtime.connections.in('news').size, 2)
})

test('what the application publishes arrives: text as text, bytes as binary, the rest as JSON', async t => {
  const app = await buildApp(t)
  const client = await inject(app, '/ws/broadcast?channel=news')
  assert.deepEqual(await app.realtime.publish('news', 'text'), { delivered: 1 })
  await app.realtime.publish('news', Buffer.from('bytes'))
  await app.realtime.publish('news', { a: [1, null] })
  await app.realtime.publish('news', 42)
  assert.deepEqual(await client.take(4), ['text', Buffer.from('bytes'), '{"a":[1,null]}', '42'])
  const [connection] = app.realtime.connections.in('news')
  assert.deepEqual(await app.realtime.publish('news', 'x', { except: connection!.id }), { delivered: 0 })
  await assert.rejects(app.realtime.publish('news', undefined), { code: 'FST_RT_INVALID_DATA' })
  await assert.rejects(app.realtime.publish('', 'x'), { code: 'FST_RT_INVALID_CHANNEL' })
})

test('whoever may only listen is closed with 1008 when it sends, and nobody gets the message', async t => {
  const app = await buildApp(t)
  const alice = await inject(app, '/ws/broadcast')
  const listener = await inject(app, '/ws/broadcast', { token: 'listener' })
  listener.send('no')
  assert.deepEqual(await listener.closed, { code: 1008, reason: 'not permitted' })
  await alice.roundTrip()
  assert.deepEqual(alice.unread, [])
  const news = await inject(app, '/ws/broadcast?channel=news', { token: 'listener' })
  news.send('no')
  assert.equal((await news.closed).code, 1008)
})

test('without the right to listen the handshake is refused with 403 and the permission that is missing', async t => {
  const app = await buildApp(t)
  await assert.rejects(inject(app, '/ws/broadcast', { token: 'nobody' }), /403/)
  await assert.rejects(inject(app, '/ws/broadcast?channel=secret', { token: 'bob' }), /403/)
  const response = await app.inject({ url: '/ws/broadcast?channel=secret', headers: { upgrade: 'websocket', connection: 'upgrade', ...bearer('bob') } })
  assert.match(response.json().message, /"subscribe:secret"/)
})

test('a channel name that cannot be is 400', async t => {
  const app = await buildApp(t)
  const names = ['', 'x'.repeat(256), 'a%0Ab', '%00', '%7F', 'a&channel=b']
  for (const name of names) {
    const response = await app.inject({ url: `/ws/broadcast?channel=${name}`, headers: { upgrade: 'websocket', connection: 'upgrade', ...bearer('alice') } })
    assert.equal(response.statusCode, 400, name)
    assert.equal(response.json().code, 'FST_RT_INVALID_CHANNEL')
  }
  await inject(app, `/ws/broadcast?channel=${'x'.repeat(255)}`)
})

test('authorize has the last word on a channel, for joining and for each message', async t => {
  const asked: string[] = []
  const app = await buildApp(t, {
    auth: {
      authenticate,
      async authorize (principal, action, channel) {
        asked.push(`${principal.id} ${action} ${channel}`)
        return action === 'subscribe' ? channel === 'open' : principal.id === 'bob'
      }
    }
  })
  const bob = await inject(app, '/ws/broadcast?channel=open', { token: 'bob' })
  const alice = await inject(app, '/ws/broadcast?channel=open')
  await assert.rejects(inject(app, '/ws/broadcast?channel=shut'), /403/)
  bob.send('1')
  bob.send('2')
  assert.deepEqual(await alice.take(2), ['1', '2'])
  alice.send('no')
  assert.equal((await alice.closed).code, 1008)
  assert.deepEqual(asked, ['bob subscribe open', 'alice subscribe open', 'alice subscribe shut', 'bob publish open', 'bob publish open', 'alice publish open'])
})

test('an authorize that throws refuses the handshake without saying why', async t => {
  const app = await buildApp(t, { auth: { authenticate, authorize () { throw new Error('db is down') } } })
  const response = await app.inject({ url: '/ws/broadcast?channel=x', headers: { upgrade: 'websocket', connection: 'upgrade', ...bearer('alice') } })
  assert.equal(response.statusCode, 403)
  assert.ok(!response.body.includes('db is down'))
  assert.match(JSON.stringify(app.logged), /db is down/)
})

test('broadcast: false leaves the route out', async t => {
  const app = await buildApp(t, { broadcast: false })
  await assert.rejects(inject(app, '/ws/broadcast'), /404/)
})

test('authorize decides on the default channel too, whatever the permissions say, and any value of it counts as yes or no', async t => {
  const app = await buildApp(t, {
    auth: { authenticate, authorize: (principal, action) => (principal.id === 'bob' && action === 'subscribe' ? 1 : undefined) as unknown as boolean }
  })
  await assert.rejects(inject(app, '/ws/broadcast'), /403/)
  const bob = await inject(app, '/ws/broadcast', { token: 'bob' })
  bob.send('no')
  assert.equal((await bob.closed).code, 1008)
})
