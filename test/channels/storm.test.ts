import assert from 'node:assert/strict'
import { test } from 'node:test'
import { buildApp, listen } from '../helpers/app.ts'
import { Client } from '../helpers/client.ts'
import { WebSocket } from 'ws'
import { FaultyBackplane } from '../backplane/faulty-backplane.ts'

const CLIENTS = 2_000
const CHANNELS = 20
const MISSED = 100

/** The next message that is no ping. */
async function reply (client: Client): Promise<{ subscribe: { recovered: boolean, publications: Array<{ data: number }> } }> {
  const message = await client.next()
  return message === '{}' ? reply(client) : JSON.parse(String(message))
}

test('a storm of 2,000 clients that come back to 20 channels reads each channel once, and everybody gets what was missed', { timeout: 120_000 }, async t => {
  const backplane = new FaultyBackplane()
  const history = { size: 1_000, ttl: 60_000 }
  const app = await buildApp(t, { fastify: { logger: false }, backplane, channels: { defaults: { history } } })
  const base = await listen(app)
  const since = new Map<string, unknown>()
  for (let n = 0; n < CHANNELS; n++) {
    const { position } = await app.realtime.publish(`room:${n}`, 'before')
    since.set(`room:${n}`, position)
    for (let missed = 0; missed < MISSED; missed++) await app.realtime.publish(`room:${n}`, missed)
  }
  const clients = await Promise.all(Array.from({ length: CLIENTS }, async () => {
    const client = new Client(new WebSocket(`${base}/ws/channels`))
    await new Promise(resolve => client.socket.once('open', resolve))
    return client
  }))
  clients.forEach((client, n) => {
    const channel = `room:${n % CHANNELS}`
    const subscribe = { channel, recover: true, ...since.get(channel) as object }
    client.send(`${JSON.stringify({ id: 1, connect: { token: 'alice' } })}\n${JSON.stringify({ id: 2, subscribe })}`)
  })
  for (const client of clients) {
    await reply(client)
    const { subscribe } = await reply(client)
    assert.equal(subscribe.recovered, true)
    assert.deepEqual(subscribe.publications.map(({ data }) => data), Array.from({ length: MISSED }, (_, n) => n))
  }
  assert.equal(backplane.calls.read, CHANNELS)
  assert.equal(backplane.calls.subscribe, CHANNELS)
  for (const client of clients) client.socket.terminate()
})
