import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { Expiry } from '../../src/core/expiry.ts'

const DAY = 24 * 60 * 60 * 1000

function setup (t: TestContext) {
  let monotonic = 0
  t.mock.timers.enable({ apis: ['setInterval'] })
  t.mock.method(performance, 'now', () => monotonic)
  const wall = t.mock.method(Date, 'now', () => 1_700_000_000_000)
  const expired: string[] = []
  const expiry = new Expiry<string>(item => { expired.push(item) })
  t.after(() => expiry.close())
  const pass = (ms: number) => {
    monotonic += ms
    t.mock.timers.tick(1000)
  }
  return { expiry, expired, pass, wall, start: 1_700_000_000_000 }
}

test('a thing ends within a second of its time', t => {
  const { expiry, expired, pass, start } = setup(t)
  expiry.add('soon', start + 5000)
  expiry.add('later', start + 20_000)
  pass(4900)
  assert.deepEqual(expired, [])
  pass(200)
  assert.deepEqual(expired, ['soon'])
})

test('sixty days ahead is sixty days, not at once', t => {
  const { expiry, expired, pass, start } = setup(t)
  expiry.add('far', start + 60 * DAY)
  pass(59 * DAY)
  assert.deepEqual(expired, [])
  pass(2 * DAY)
  assert.deepEqual(expired, ['far'])
})

test('a wall clock that jumps ends nothing', t => {
  const { expiry, expired, pass, wall, start } = setup(t)
  expiry.add('item', start + 60_000)
  wall.mock.mockImplementation(() => start + 365 * DAY)
  pass(1000)
  assert.deepEqual(expired, [])
})

test('what was removed does not expire', t => {
  const { expiry, expired, pass, start } = setup(t)
  expiry.add('item', start + 1000)
  expiry.remove('item')
  expiry.remove('item')
  pass(5000)
  assert.deepEqual(expired, [])
})
