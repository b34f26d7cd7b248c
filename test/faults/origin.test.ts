import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'
import cookie from '@fastify/cookie'
import type { Page } from 'playwright-core'
import { authenticate, buildApp, listen } from '../helpers/app.ts'
import { launchChromium, openPage } from '../helpers/chromium.ts'
import { fault } from './fault.ts'

/** A foreign page, from another port of the same host: to a browser that is the same site, so it sends the cookies. */
async function serveForeignPage (t: TestContext): Promise<string> {
  const server = createServer((_request, response) => response.setHeader('content-type', 'text/html').end('<!doctype html><iframe sandbox="allow-scripts" srcdoc=""></iframe>'))
  t.after(() => { server.close() })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
}

/** What becomes of a connection that a page makes, or a frame in it. */
function connectFrom (frame: Pick<Page, 'evaluate'>, url: string): Promise<string> {
  return frame.evaluate(url => new Promise<string>(resolve => {
    const socket = new WebSocket(url)
    socket.onopen = () => {
      resolve('open')
      socket.close()
    }
    socket.onclose = ({ code }) => resolve(`closed with ${code}`)
  }), url)
}

fault('F25 a foreign page in a real browser', async t => {
  const asked: Array<{ origin: string | undefined, cookie: string | undefined }> = []
  const app = await buildApp(t, {
    auth: { authenticate, tokenFrom: ['cookie'], cookieName: 'session' },
    async before (app) {
      await app.register(cookie)
      app.get('/', (_request, reply) => reply.type('text/html').header('set-cookie', 'session=alice; Path=/').send('<!doctype html>'))
      app.addHook('onRequest', async ({ headers }) => { if (headers.upgrade !== undefined) asked.push({ origin: headers.origin, cookie: headers.cookie }) })
    }
  })
  const url = `${await listen(app)}/ws/echo`
  const ownOrigin = new URL(url.replace('ws', 'http')).origin
  const foreignUrl = await serveForeignPage(t)
  const browser = await launchChromium(t)
  const page = await openPage(t, browser, `${ownOrigin}/`)
  assert.equal(await connectFrom(page, url), 'open')

  // The same profile, which has the cookie.
  await page.goto(foreignUrl)
  assert.equal(await connectFrom(page, url), 'closed with 1006')
  assert.equal(await connectFrom(page.frames()[1]!, url), 'closed with 1006')
  const renamed = url.replace('127.0.0.1', 'localhost')
  await page.goto(`${ownOrigin}/`)
  assert.equal(await connectFrom(page, renamed), 'closed with 1006')

  assert.deepEqual(asked.map(({ origin }) => origin), [ownOrigin, new URL(foreignUrl).origin, 'null', ownOrigin])
  assert.equal(asked[1]!.cookie, 'session=alice', 'without the cookie, the refusal proves nothing')
  const refusals = app.logged.filter(({ err }) => (err as { code?: string } | undefined)?.code === 'FST_RT_ORIGIN_NOT_ALLOWED')
  assert.equal(refusals.length, 3)
  assert.equal(app.realtime.stats().opened, 1)
  return 'its own page gets in, another port, a sandboxed frame and another name of the host do not, cookie or not'
})
