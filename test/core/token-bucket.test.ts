import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TokenBucket } from '../../src/core/token-bucket.ts'

test('a burst is let through at once, then one message at a time, and the wait is told', () => {
  let now = 0
  const bucket = new TokenBucket({ messages: 10, per: 1000, burst: 3 }, () => now)
  assert.deepEqual([bucket.take(), bucket.take(), bucket.take()], [0, 0, 0])
  assert.equal(bucket.take(), 100)
  now = 60
  assert.equal(bucket.take(), 40)
  now = 100
  assert.equal(bucket.take(), 0)
  assert.equal(bucket.take(), 100)
})

test('a long silence fills it up to the burst and no further', () => {
  let now = 0
  const bucket = new TokenBucket({ messages: 10, per: 1000, burst: 2 }, () => now)
  now = 3_600_000
  assert.deepEqual([bucket.take(), bucket.take()], [0, 0])
  assert.ok(bucket.take() > 0)
})

test('a borrowed token has to be paid back before there are new ones', () => {
  let now = 0
  const bucket = new TokenBucket({ messages: 10, per: 1000, burst: 1 }, () => now)
  assert.deepEqual([bucket.borrow(), bucket.borrow(), bucket.borrow()], [0, 100, 200])
  now = 250
  assert.equal(bucket.take(), 50)
})
