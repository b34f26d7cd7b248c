import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { buildApp, listen, type TestApp } from '../helpers/app.ts'
import { type Client, connect } from '../helpers/client.ts'
import { fault, size } from './fault.ts'
import { type ProxyName, startProxy } from './proxy.ts'
import { assertSettled, eventually, throughout } from './settle.ts'
import { ServerProcess } from './server-process.ts'

const IDLE = 1 // s, after which the proxy cuts
const QUICK_PULSE = { interval: 400, timeout: 300 }
const NO_PULSE = { interval: 600_000, timeout: 600_000 }
const COUNT = 20

async function connectAll (port: number, count = COUNT): Promise<Client[]> {
  return Promise.all(Array.from({ length: count }, () => connect(`ws://127.0.0.1:${port}/ws/echo`)))
}

async function heartbeatKeepsItUp (t: TestContext, name: ProxyName): Promise<string> {
  const server = await ServerProcess.start(t, { realtime: { heartbeat: QUICK_PULSE } })
  const proxy = await startProxy(t, name, server.port, IDLE)
  const socketsBefore = server.sockets
  const clients = await connectAll(proxy)
  const ms = size(3, 60) * IDLE * 1_000
  await throughout(ms, async () => assert.equal((await server.ask<{ size: number }>('stats')).size, COUNT))
  await Promise.all(clients.map(async client => {
    client.send('still here')
    assert.equal(await client.next(), 'still here')
  }))
  await assertSettled(server, { connections: COUNT, socketsBefore })
  await Promise.all(clients.map(client => client.close()))
  await assertSettled(server, { connections: 0, socketsBefore })
  return `0 of ${COUNT} lost in ${ms / 1_000} s without a message, the proxy cuts after ${IDLE}`
}

async function cutIsNoticed (t: TestContext, name: ProxyName): Promise<string> {
  const server = await ServerProcess.start(t, { realtime: { heartbeat: NO_PULSE }, logLevel: 'info' })
  const proxy = await startProxy(t, name, server.port, IDLE)
  const socketsBefore = server.sockets
  const since = performance.now()
  const clients = await connectAll(proxy)
  const codes = (await Promise.all(clients.map(client => client.closed))).map(({ code }) => code)
  await assertSettled(server, { connections: 0, socketsBefore })
  const took = performance.now() - since
  assert.deepEqual(new Set(codes), new Set([1006]))
  assert.ok(took >= IDLE * 1_000 && took < IDLE * 1_000 + 1_500, `${took} ms`)
  const ends = () => server.output.split('\n').filter(line => line.includes('"code":1006') && line.endsWith('"msg":"connection ended"}'))
  await eventually(() => ends().length === COUNT)
  return `${COUNT} of ${COUNT} noticed and cleaned ${Math.round(took - IDLE * 1_000)} ms after the proxy's ${IDLE} s`
}

/** `'same-origin'` is the host that the browser asked for, which only the proxy knows. */
async function originBehind (t: TestContext, name: ProxyName): Promise<string> {
  const behind = async (trustProxy: boolean): Promise<{ app: TestApp, proxy: number }> => {
    const app = await buildApp(t, { fastify: { logger: false, trustProxy } })
    return { app, proxy: await startProxy(t, name, Number(new URL(await listen(app)).port), IDLE) }
  }
  const trusting = await behind(true)
  const url = `ws://127.0.0.1:${trusting.proxy}/ws/echo`
  const host = 'chat.example'
  const client = await connect(url, { headers: { host, origin: `https://${host}` } })
  client.send('hello')
  assert.equal(await client.next(), 'hello')
  for (const headers of [
    { host, origin: 'https://evil.example' },
    // The proxy's word counts, not what a client puts into the same header.
    { host, origin: 'https://evil.example', 'x-forwarded-host': 'evil.example' },
    { host, origin: `http://127.0.0.1:${new URL(url).port}` }
  ]) await assert.rejects(connect(url, { headers }), /403/)
  await client.close()
  await eventually(() => trusting.app.realtime.connections.size === 0)

  const wary = await behind(false)
  await assert.rejects(connect(`ws://127.0.0.1:${wary.proxy}/ws/echo`, { headers: { host, origin: `https://${host}` } }), /403/)
  return 'same-origin is the forwarded host with trustProxy; forged and foreign ones are refused'
}

for (const name of ['nginx', 'haproxy'] as const) {
  fault(`F35 ${name}, idle timeout longer than the interval`, t => heartbeatKeepsItUp(t, name))
  fault(`F35 ${name}, idle timeout shorter than the interval`, t => cutIsNoticed(t, name))
  fault(`F35 ${name}, same-origin`, t => originBehind(t, name))
}
