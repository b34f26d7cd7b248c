import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createCore } from '../helpers/core.ts'

test('a connection is found by id, by principal and by channel, and nowhere after it was removed', async () => {
  const { registry, connect } = createCore()
  const { connection } = connect('a', 'alice')
  const { connection: other } = connect('b', 'alice')
  await connection.subscribe('news')
  assert.equal(registry.get('a'), connection)
  assert.deepEqual([...registry.ofPrincipal('alice')], [connection, other])
  assert.deepEqual([...registry.in('news')], [connection])
  assert.deepEqual([...connection.channels], ['news'])
  registry.remove(connection)
  registry.remove(connection)
  assert.equal(registry.get('a'), undefined)
  assert.deepEqual([...registry], [other])
  assert.deepEqual([...registry.ofPrincipal('alice')], [other])
  assert.equal(registry.in('news').size, 0)
  assert.equal(registry.channelCount, 0)
})

test('subscribing twice is once, unsubscribing twice is harmless', async () => {
  const { registry, connect } = createCore()
  const { connection } = connect('a')
  await connection.subscribe('news')
  await connection.subscribe('news')
  assert.equal(registry.in('news').size, 1)
  await connection.unsubscribe('news')
  await connection.unsubscribe('news')
  assert.equal(registry.channelCount, 0)
  assert.equal(connection.channels.size, 0)
})

test('a connection that has ended cannot come back as a ghost by subscribing late', async () => {
  const { registry, connect } = createCore()
  const { connection } = connect('a')
  registry.remove(connection)
  connection.ended()
  await connection.subscribe('news')
  assert.equal(registry.channelCount, 0)
  assert.equal(connection.channels.size, 0)
})

test('a channel called __proto__ or constructor is a channel like any other', async () => {
  const { registry, connect, publish } = createCore()
  const { connection, socket } = connect('a', '__proto__')
  await connection.subscribe('__proto__')
  await connection.subscribe('constructor')
  assert.equal(publish('__proto__', 'x'), 1)
  assert.deepEqual(socket.sent, ['x'])
  assert.deepEqual([...registry.ofPrincipal('__proto__')], [connection])
  assert.equal(Object.keys(Object.prototype).length, 0)
})

test('whenEmpty resolves when the last one has gone, and at once when nobody is there', async () => {
  const { registry, connect } = createCore()
  await registry.whenEmpty()
  const { connection } = connect('a')
  const empty = registry.whenEmpty()
  registry.remove(connection)
  await empty
})
