import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createCore } from '../helpers/core.ts'

test('a string is sent as text, bytes as binary, and both are counted', () => {
  const { hub, connect } = createCore()
  const { connection, socket } = connect('a')
  assert.equal(connection.send('é'), true)
  assert.equal(connection.send(Buffer.from([1, 2, 3])), true)
  assert.equal(connection.send(''), true)
  assert.deepEqual(socket.sent, ['é', Buffer.from([1, 2, 3]), ''])
  assert.deepEqual(connection.traffic, { messagesIn: 0, messagesOut: 3, bytesIn: 0, bytesOut: 5, dropped: 0 })
  assert.deepEqual(hub.totals, connection.traffic)
})

test('anything else than a string or bytes is refused with an error that says so', () => {
  const { connect } = createCore()
  const { connection } = connect('a')
  assert.throws(() => connection.send({} as string), { code: 'FST_RT_INVALID_DATA' })
})

test('nothing is sent after close, and the first close decides', () => {
  const { connect } = createCore()
  const { connection, socket } = connect('a')
  connection.close(4000, 'bye')
  connection.close(4001, 'again')
  assert.equal(connection.send('late'), false)
  connection.ping()
  assert.deepEqual(socket.calls, ['close 4000 bye', 'resume'])
  assert.deepEqual(connection.farewell, { code: 4000, reason: 'bye' })
  assert.equal(connection.endedBy, 'server')
})

test('close without arguments is 1000, and our own codes bring their reason', () => {
  const { connect } = createCore()
  const first = connect('a')
  first.connection.close()
  assert.equal(first.socket.calls[0], 'close 1000 ')
  const second = connect('b')
  second.connection.close(1008)
  assert.equal(second.socket.calls[0], 'close 1008 not permitted')
})

test('a close code that must not be sent is an error, and the connection stays open', () => {
  const { connect } = createCore()
  const { connection } = connect('a')
  for (const code of [999, 1004, 1005, 1006, 1015, 2999, 5000, 1.5, NaN]) {
    assert.throws(() => connection.close(code), { code: 'FST_RT_INVALID_CLOSE_CODE' }, String(code))
  }
  assert.equal(connection.isOpen, true)
})

test('a reason longer than 123 bytes is cut at a character boundary', () => {
  const { connect } = createCore()
  const { connection } = connect('a')
  connection.close(4000, `${'x'.repeat(121)}€€`)
  assert.equal(connection.farewell?.reason, 'x'.repeat(121))
})

test('a slow consumer is closed with 1013 once its bound is passed, by one message at most', () => {
  const { connect, slow } = createCore({ maxBuffered: 100 })
  const { connection, socket } = connect('a')
  socket.isStuck = true
  assert.equal(connection.send('x'.repeat(99)), true)
  assert.equal(connection.send('x'.repeat(50)), true)
  assert.equal(connection.send('x'), false)
  assert.equal(connection.bufferedAmount, 149)
  assert.deepEqual(socket.calls, ['close 1013 slow consumer', 'resume'])
  assert.equal(connection.endedBy, 'slow consumer')
  assert.deepEqual(slow, ['a'])
})

test("with 'drop' a slow consumer misses messages until it has caught up, and they are counted", () => {
  const { connect, slow, hub } = createCore({ maxBuffered: 10, slowConsumer: 'drop' })
  const { connection, socket } = connect('a')
  socket.isStuck = true
  assert.equal(connection.send('0123456789'), true)
  assert.equal(connection.send('lost'), false)
  socket.bufferedAmount = 1
  assert.equal(connection.send('still behind'), false)
  socket.bufferedAmount = 0
  assert.equal(connection.send('caught up'), true)
  assert.deepEqual(socket.sent, ['0123456789', 'caught up'])
  assert.equal(connection.traffic.dropped, 2)
  assert.equal(hub.totals.dropped, 2)
  assert.equal(hub.slowConsumers, 1)
  assert.deepEqual(slow, ['a'])
  assert.equal(connection.isOpen, true)
})

test('the signal is aborted when the connection ends, also when it is first read afterwards', () => {
  const { connect } = createCore()
  const early = connect('a').connection
  const late = connect('b').connection
  const { signal } = early
  assert.equal(signal.aborted, false)
  early.ended()
  late.ended()
  assert.equal(signal.aborted, true)
  assert.equal(late.signal.aborted, true)
})

test('the log is made once, when it is first used', () => {
  const { connect } = createCore()
  const { connection } = connect('a')
  assert.deepEqual(connection.log, { id: 'a' })
  assert.equal(connection.log, connection.log)
})

test('terminate drops the connection whatever state it is in, once it is not gone', () => {
  const { connect } = createCore()
  const { connection, socket } = connect('a')
  connection.close()
  connection.terminate()
  connection.ended()
  connection.terminate()
  assert.deepEqual(socket.calls, ['close 1000 ', 'resume', 'terminate'])
})

test('a reason that is no text does not leave a connection half closed', () => {
  const { connect } = createCore()
  const { connection, socket } = connect('a')
  connection.close(1000, null as unknown as string)
  assert.deepEqual(socket.calls, ['close 1000 ', 'resume'])
})
