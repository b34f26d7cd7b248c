import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import type { RealtimeOptions } from '../../src/index.ts'
import { bearer, buildApp } from '../helpers/app.ts'

/** The status of a handshake that would be upgraded (426, since `inject` has no socket) or is refused (403). */
async function answers (t: TestContext, allowedOrigins: RealtimeOptions['allowedOrigins'], requests: ReadonlyArray<[origin: string | undefined, host: string, status: number]>, trustProxy = false, forwarded = {}): Promise<void> {
  const app = await buildApp(t, { ...(allowedOrigins === undefined ? {} : { allowedOrigins }), fastify: { trustProxy } })
  for (const [origin, host, status] of requests) {
    const response = await app.inject({
      url: '/ws/echo',
      headers: { upgrade: 'websocket', connection: 'upgrade', host, ...(origin === undefined ? {} : { origin }), ...bearer('alice'), ...forwarded }
    })
    assert.equal(response.statusCode, status, `${origin} at ${host}`)
    if (status === 403) assert.equal(response.json().code, 'FST_RT_ORIGIN_NOT_ALLOWED')
  }
}

test('by default a page of the same host and port may connect, and no other', async t => {
  await answers(t, undefined, [
    [undefined, 'good.com', 426],
    ['https://good.com', 'good.com', 426],
    ['http://good.com', 'good.com', 426],
    ['https://good.com', 'GOOD.com:443', 426],
    ['http://good.com:3000', 'good.com:3000', 426],
    ['http://[::1]:3000', '[::1]:3000', 426],
    ['https://evil.com', 'good.com', 403],
    ['https://good.com:8443', 'good.com', 403],
    ['https://good.com', 'good.com:8443', 403],
    ['https://good.com.evil.com', 'good.com', 403],
    ['https://evil.com/good.com', 'good.com', 403],
    ['https://good.com@evil.com', 'good.com', 403],
    ['https://sub.good.com', 'good.com', 403],
    ['HTTPS://GOOD.COM', 'good.com', 403],
    ['https://good.com/', 'good.com', 403],
    ['null', 'good.com', 403],
    ['', 'good.com', 403],
    ['good.com', 'good.com', 403]
  ])
})

test('behind a trusted proxy the host is the forwarded one', async t => {
  await answers(t, 'same-origin', [['https://good.com', 'internal:3000', 426], ['http://internal:3000', 'internal:3000', 403]], true, { 'x-forwarded-host': 'good.com' })
})

test('a forwarded host that is not trusted changes nothing', async t => {
  await answers(t, 'same-origin', [['https://evil.com', 'good.com', 403]], false, { 'x-forwarded-host': 'evil.com' })
})

test('a list is exact', async t => {
  await answers(t, ['https://a.com', 'http://localhost:5173'], [
    ['https://a.com', 'x', 426],
    ['http://localhost:5173', 'x', 426],
    ['http://a.com', 'x', 403],
    ['https://a.com:443', 'x', 403],
    ['https://A.com', 'x', 403],
    ['https://a.com.evil.com', 'x', 403],
    ['null', 'x', 403],
    [undefined, 'x', 426]
  ])
})

test("'*' lets every page in, and a function decides by itself", async t => {
  await answers(t, '*', [['https://evil.com', 'good.com', 426], ['null', 'good.com', 426]])
  await answers(t, (origin, request) => origin.endsWith('.good.com') && request.host === 'good.com', [
    ['https://a.good.com', 'good.com', 426], ['https://a.good.com', 'other.com', 403], ['https://evil.com', 'good.com', 403]
  ])
})
