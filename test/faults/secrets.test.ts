import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request as httpRequest } from 'node:http'
import { text } from 'node:stream/consumers'
import cookie from '@fastify/cookie'
import { Type } from '@sinclair/typebox'
import { WebSocket } from 'ws'
import { buildApp, listen } from '../helpers/app.ts'
import { fault } from './fault.ts'
import { eventually } from './settle.ts'

// Letters only, so that no encoding changes them.
const SECRETS = { accepted: 'SECRETthatISgood', refused: 'SECRETthatISwrong' }
const TRACE = /SECRET/i

type Headers = Record<string, string>

/** The places where a client can put a token. */
const sources: Record<string, (token: string) => { query?: string, headers?: Headers }> = {
  header: token => ({ headers: { authorization: `Bearer ${token}` } }),
  'header of another scheme': token => ({ headers: { authorization: `Basic ${token}` } }),
  query: token => ({ query: `?a=1&token=${token}&b=2` }),
  'query twice': token => ({ query: `?token=${token}&token=${token}` }),
  'query, encoded': token => ({ query: `?to%6Ben=%53${token.slice(1)}` }),
  subprotocol: token => ({ headers: { 'sec-websocket-protocol': `bearer, ${token}` } }),
  'subprotocol alone': token => ({ headers: { 'sec-websocket-protocol': token } }),
  cookie: token => ({ headers: { cookie: `session=${token}` } })
}

/** Where it is sent, as an upgrade. */
const paths = ['/ws/echo', '/ws/json', '/ws/nope', '/ws/%zz', '/ws/']

/**
 * What the server is told over an open connection: each ends it, or is answered. A close reason is not among them: the
 * log shows it as the client has chosen it, and the security guide says so.
 */
const utterances: Record<string, (socket: WebSocket, secret: string) => void> = {
  'text that is not UTF-8': (socket, secret) => { write(socket, 0x81, Buffer.from(`${secret}\xff`, 'latin1')) },
  'a reserved opcode': (socket, secret) => { write(socket, 0x83, Buffer.from(secret)) },
  'a close frame with a bad code': (socket, secret) => { write(socket, 0x88, Buffer.from(`\0\x01${secret}`)) },
  'a message that is no JSON': (socket, secret) => { socket.send(secret, () => socket.close()) },
  'a message that does not fit': (socket, secret) => { socket.send(JSON.stringify({ id: secret, [secret]: 1 }), () => socket.close()) }
}

function write (socket: WebSocket, head: number, payload: Buffer): void {
  const { _socket: wire } = socket as unknown as { _socket: NodeJS.WritableStream }
  wire.write(Buffer.concat([Buffer.from([head, 0x80 | payload.length, 0, 0, 0, 0]), payload]))
}

/** Sends an upgrade, and says something if it is accepted. Returns all that came back, as text. */
async function upgrade (url: string, { query = '', headers = {} }: { query?: string, headers?: Headers }, speak: (socket: WebSocket) => void): Promise<{ isAccepted: boolean, came: string }> {
  const { 'sec-websocket-protocol': protocols, ...others } = headers
  const socket = new WebSocket(url + query, protocols === undefined ? [] : protocols.split(', '), { headers: others })
  const came: unknown[] = []
  let isAccepted = false
  socket.on('error', () => {})
  socket.on('upgrade', ({ headers }) => { came.push(headers) })
  socket.on('message', data => { came.push(data.toString()) })
  socket.on('open', () => {
    isAccepted = true
    speak(socket)
  })
  socket.on('unexpected-response', async (request, response) => {
    came.push(response.statusCode, response.headers, await text(response))
    request.destroy()
    socket.emit('close')
  })
  const [code, reason] = await once(socket, 'close') as [number, Buffer | undefined]
  return { isAccepted, came: JSON.stringify([came, code, reason?.toString()]) }
}

/** A plain GET of the same. */
async function get (url: string, { query = '', headers = {} }: { query?: string, headers?: Headers }): Promise<string> {
  const request = httpRequest(url.replace('ws:', 'http:') + query, { headers }).end()
  const [response] = await once(request, 'response')
  return JSON.stringify([response.statusCode, response.headers, await text(response)])
}

fault('F26 a secret in every place, with trace logs', async t => {
  const app = await buildApp(t, {
    auth: {
      authenticate: token => token === SECRETS.accepted ? { id: 'somebody', permissions: ['*'] } : null,
      tokenFrom: ['header', 'subprotocol', 'cookie', 'query'],
      cookieName: 'session'
    },
    before: async app => { await app.register(cookie) },
    routes: app => app.realtime.route({ url: '/json', message: Type.Object({ id: Type.Integer() }) }, {})
  })
  const base = await listen(app)
  const hits: string[] = []
  const count = { accepted: 0, refused: 0 }
  const look = (what: string, came: string) => {
    if (TRACE.test(came)) hits.push(`${what}: came back ${came}`)
    for (const line of app.logged.splice(0)) if (TRACE.test(JSON.stringify(line))) hits.push(`${what}: logged ${JSON.stringify(line)}`)
  }

  for (const [source, place] of Object.entries(sources)) {
    for (const token of Object.values(SECRETS)) {
      for (const path of paths) {
        const { isAccepted, came } = await upgrade(base + path, place(token), socket => socket.close())
        count[isAccepted ? 'accepted' : 'refused']++
        await eventually(() => app.realtime.connections.size === 0)
        look(`${source}, upgrade of ${path}`, came)
        look(`${source}, GET ${path}`, await get(base + path, place(token)))
      }
    }
  }
  const opened = app.realtime.stats().opened
  assert.equal(opened, 12, 'six of the sources have a token that is good, for two of the paths')
  for (const [what, speak] of Object.entries(utterances)) {
    const { isAccepted, came } = await upgrade(`${base}/ws/json`, sources['header']!(SECRETS.accepted), socket => speak(socket, SECRETS.accepted))
    assert.ok(isAccepted)
    await eventually(() => app.realtime.connections.size === 0)
    look(what, came)
  }
  assert.deepEqual(hits, [])
  return `0 hits in ${count.accepted} accepted and ${count.refused} refused upgrades, as many plain GETs, ${Object.keys(utterances).length} utterances`
})
