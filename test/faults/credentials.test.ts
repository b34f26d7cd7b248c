import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { buildApp, listen } from '../helpers/app.ts'
import { type Client, connect } from '../helpers/client.ts'
import { fault, size } from './fault.ts'
import { eventually } from './settle.ts'

const CHANNEL = 'ticks'
const FARTHEST = 2_000 // ms from now, to the last of the ends
const CLOSE_TIMEOUT = 500 // ms
const IN_TIME = 1_000 // ms

interface Subject {
  readonly client: Client
  readonly token: string
  closedAt: number
}

/** An application in which everybody listens and everybody talks. A token is a name and when it expires, `name@ms`. */
async function talkingApp (t: TestContext) {
  const heard: Array<{ from: string, at: number }> = []
  const app = await buildApp(t, {
    fastify: { logger: false },
    closeTimeout: CLOSE_TIMEOUT,
    auth: {
      authenticate (token) {
        const [id = '', expiresAt] = token.split('@')
        return { id, permissions: ['*'], ...(expiresAt === undefined ? {} : { expiresAt: Number(expiresAt) }) }
      }
    },
    routes: app => app.realtime.route({ url: '/talk' }, {
      open: connection => connection.subscribe(CHANNEL),
      message (connection) { heard.push({ from: connection.principal.id, at: Date.now() }) }
    })
  })
  const url = `${await listen(app)}/ws/talk`
  const subjects: Subject[] = []
  async function join (token: string): Promise<Subject> {
    const subject = { client: await connect(url, { token }), token, closedAt: 0 }
    subject.client.closed.then(() => { subject.closedAt = Date.now() })
    subjects.push(subject)
    return subject
  }
  /** Keeps messages flowing in both directions until it is told to stop: their text is when they were sent. */
  async function talk (isOver: () => boolean): Promise<void> {
    while (!isOver()) {
      await app.realtime.publish(CHANNEL, String(Date.now()))
      for (const { client } of subjects) if (client.socket.readyState === client.socket.OPEN) client.send('x')
      await new Promise(resolve => setImmediate(resolve))
    }
  }
  return { app, heard, join, talk }
}

function lastSent ({ client }: Subject): number {
  return Number(client.unread.at(-1))
}

fault('F23 tokens that expire', async t => {
  const setInterval = t.mock.method(globalThis, 'setInterval')
  const clearInterval = t.mock.method(globalThis, 'clearInterval')
  const { app, heard, join, talk } = await talkingApp(t)
  const count = size(40, 200)
  const now = Date.now()
  const expiring: Subject[] = []
  const started = () => setInterval.mock.calls.filter(call => call.stack.stack?.includes('src/core/expiry.ts')).map(call => call.result)
  for (let n = 0; n < count; n++) expiring.push(await join(`expiring-${n}@${now + FARTHEST * (1 + n / count)}`))
  const lasting = await join('lasting')
  assert.equal(started().length, 1, 'one timer for all')

  await talk(() => expiring.every(({ closedAt }) => closedAt > 0))
  let latest = 0
  for (const subject of expiring) {
    const expiresAt = Number(subject.token.split('@')[1])
    assert.equal((await subject.client.closed).code, 4401)
    const late = subject.closedAt - expiresAt
    assert.ok(late >= -1 && late <= IN_TIME, `closed ${late} ms after its time`)
    assert.ok(lastSent(subject) <= expiresAt + IN_TIME && lastSent(subject) <= subject.closedAt)
    assert.ok(heard.filter(({ from }) => from === subject.token.split('@')[0]).every(({ at }) => at <= expiresAt + IN_TIME))
    latest = Math.max(latest, late)
  }
  await eventually(() => app.realtime.connections.size === 1)
  const cleared = new Set(clearInterval.mock.calls.map(call => call.arguments[0]))
  assert.ok(started().every(timer => cleared.has(timer)), 'with nobody left to expire, no timer is left')
  assert.equal(lasting.client.socket.readyState, lasting.client.socket.OPEN)
  assert.ok(lasting.client.unread.length > 0)
  return `${count} closed with 4401, the last ${Math.round(latest)} ms after its time, nothing delivered after, one timer`
})

fault('F23 a principal is disconnected while messages flow', async t => {
  const { app, heard, join, talk } = await talkingApp(t)
  const count = size(20, 200)
  const revoked: Subject[] = []
  for (let n = 0; n < count; n++) revoked.push(await join('revoked'))
  // One that goes on as if nothing had happened: its half of the closing handshake never comes.
  const deaf = await join('revoked')
  deaf.client.socket.close = () => {}
  const other = await join('other')

  const talking = talk(() => deaf.closedAt > 0 && revoked.every(({ closedAt }) => closedAt > 0))
  await eventually(() => other.client.unread.length >= 50)
  const sentBefore = [...app.realtime.connections.ofPrincipal('revoked')].map(connection => ({ connection, isOpen: connection.send('last') }))
  assert.ok(sentBefore.every(({ isOpen }) => isOpen))
  await app.realtime.disconnect('revoked')
  const disconnectedAt = Date.now()
  const heardBefore = heard.filter(({ from }) => from === 'revoked').length
  assert.deepEqual(await app.realtime.publish(CHANNEL, 'after'), { delivered: 1 })
  assert.ok(sentBefore.every(({ connection }) => !connection.send('after')))
  await talking

  const slowest = Math.max(...revoked.map(({ closedAt }) => closedAt - disconnectedAt))
  assert.ok(slowest <= IN_TIME, `closed after ${slowest} ms`)
  const deafFor = deaf.closedAt - disconnectedAt
  assert.ok(deafFor >= CLOSE_TIMEOUT && deafFor <= CLOSE_TIMEOUT + IN_TIME, `the deaf one was dropped after ${deafFor} ms`)
  for (const { client } of [...revoked, deaf]) {
    if (client !== deaf.client) assert.equal((await client.closed).code, 4403)
    assert.equal(client.unread.at(-1), 'last', 'what was sent before still arrives, and nothing else')
  }
  assert.equal(heard.filter(({ from }) => from === 'revoked').length, heardBefore)
  assert.ok(other.client.unread.includes('after'))
  await eventually(() => app.realtime.connections.size === 1)
  return `${count} closed with 4403 within ${slowest} ms, nothing delivered or handled after`
})
