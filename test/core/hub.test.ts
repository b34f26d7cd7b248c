import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createCore } from '../helpers/core.ts'

test('a publication reaches the subscribers of its channel but not the one left out', async () => {
  const { publish, connect } = createCore()
  const a = connect('a')
  const b = connect('b')
  const c = connect('c')
  await a.connection.subscribe('news')
  await b.connection.subscribe('news')
  await c.connection.subscribe('sport')
  assert.equal(publish('news', '{"n":1}', 'a'), 1)
  assert.deepEqual([a.socket.sent, b.socket.sent, c.socket.sent], [[], ['{"n":1}'], []])
})

test('broadcast reaches everybody, or one route, but not the one left out', () => {
  const { hub, connect } = createCore()
  const a = connect('a', 'a', 'echo')
  const b = connect('b', 'b', 'broadcast')
  const c = connect('c', 'c', 'broadcast')
  assert.equal(hub.broadcast('all'), 3)
  assert.equal(hub.broadcast(Buffer.from('some'), { route: 'broadcast', except: c.connection }), 1)
  assert.equal(hub.broadcast('others', { route: 'echo', except: 'a' }), 0)
  assert.deepEqual(a.socket.sent, ['all'])
  assert.deepEqual(b.socket.sent, ['all', Buffer.from('some')])
  assert.deepEqual(c.socket.sent, ['all'])
})

test('one connection that is closed or slow does not stop the others', async () => {
  const { publish, connect } = createCore({ maxBuffered: 1 })
  const closed = connect('closed')
  const slow = connect('slow')
  const well = connect('well')
  for (const { connection } of [closed, slow, well]) await connection.subscribe('news')
  closed.connection.close()
  slow.socket.bufferedAmount = 1
  assert.equal(publish('news', 'x'), 1)
  assert.deepEqual(well.socket.sent, ['x'])
})

test('a connection that unsubscribes in the middle of a publication harms nobody', async () => {
  const { hub, publish, connect } = createCore()
  const a = connect('a')
  const b = connect('b')
  await a.connection.subscribe('news')
  await b.connection.subscribe('news')
  const send = a.socket.send.bind(a.socket)
  a.socket.send = (payload, options) => {
    send(payload, options)
    hub.unsubscribe(a.connection, 'news')
  }
  assert.equal(publish('news', '1'), 2)
  assert.equal(publish('news', '2'), 1)
  assert.deepEqual([a.socket.sent, b.socket.sent], [['1'], ['1', '2']])
})

test('a channel name is 1 to 255 well-formed characters without control characters', async () => {
  const { connect } = createCore()
  const { connection } = connect('a')
  const wrong = ['', 'x'.repeat(256), 'a\nb', 'a\u0000', '\u007f', '\u0085', '\ud800', 5 as unknown as string]
  for (const name of wrong) {
    await assert.rejects(connection.subscribe(name), { code: 'FST_RT_INVALID_CHANNEL' })
  }
  for (const name of ['x', 'x'.repeat(255), 'chat:42', 'Ünïcode 😀']) await connection.subscribe(name)
  assert.equal(connection.channels.size, 4)
})

test('a subscription that fails after it was given up does not take its successor with it', async () => {
  const attempts: Array<{ resolve: () => void, reject: (error: Error) => void }> = []
  let holders = 0
  const upstream = {
    acquire () {
      holders++
      return new Promise<void>((resolve, reject) => { attempts.push({ resolve, reject }) })
    },
    release () { holders-- }
  }
  const { publish, connect } = createCore({ upstream })
  const { connection, socket } = connect('a')
  const first = connection.subscribe('news')
  connection.unsubscribe('news')
  const second = connection.subscribe('news')
  const again = connection.subscribe('news')
  attempts[0]!.reject(new Error('away'))
  await assert.rejects(first, /away/)
  attempts[1]!.resolve()
  await Promise.all([second, again])
  assert.deepEqual([attempts.length, holders, publish('news', 'x'), socket.sent], [2, 1, 1, ['x']])
})

test('who subscribes twice hears of the failure twice, and is out', async () => {
  let released = 0
  const upstream = { acquire: async () => { throw new Error('away') }, release () { released++ } }
  const { connect } = createCore({ upstream })
  const { connection } = connect('a')
  const both = await Promise.allSettled([connection.subscribe('news'), connection.subscribe('news')])
  assert.deepEqual(both.map(({ status }) => status), ['rejected', 'rejected'])
  assert.deepEqual([released, connection.channels.size], [1, 0])
})
