import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import Fastify, { type FastifyInstance } from 'fastify'
import { WebSocket } from 'ws'
import { type Connection, realtime } from '../src/index.ts'
import { listen } from './helpers/app.ts'
import { Client } from './helpers/client.ts'
import { until } from './helpers/until.ts'

const CHANNELS = ['a', 'b', 'c']
const CLIENTS = 4

type Step =
  | { do: 'send' | 'own send', to: number, times: number, size: number, binary: boolean }
  | { do: 'publish', channel: string, except: number | undefined, size: number, binary: boolean }
  | { do: 'subscribe' | 'unsubscribe', who: number, channel: string }
  | { do: 'close', who: number }
  | { do: 'turn' }

const who = fc.nat(CLIENTS - 1)
const channel = fc.constantFrom(...CHANNELS)
/** Around every border: short, two-byte and eight-byte lengths, copied and handed on. */
const size = fc.constantFrom(0, 1, 20, 20, 20, 125, 126, 300, 5_000, 8_192, 70_000)
const binary = fc.boolean()
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constantFrom('send' as const, 'own send' as const), to: who, times: fc.integer({ min: 1, max: 3 }), size, binary }) },
  { weight: 8, arbitrary: fc.record({ do: fc.constant('publish' as const), channel, except: fc.option(who, { nil: undefined }), size, binary }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('subscribe' as const), who, channel }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('unsubscribe' as const), who, channel }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('close' as const), who }) },
  { weight: 3, arbitrary: fc.constant({ do: 'turn' as const }) }
)

let app: FastifyInstance
let base: string
let latest: { socket: WebSocket, connection: Connection } | undefined

before(async () => {
  app = Fastify()
  await app.register(realtime, { auth: false, compression: { threshold: 200 } })
  app.get('/plain', { websocket: true, preHandler: app.realtime.requires('plain') }, (socket, request) => {
    latest = { socket, connection: app.realtime.accept(socket, request) }
  })
  base = await listen(app)
})

after(() => app.close())

async function connectAll (): Promise<Array<{ client: Client, connection: Connection, socket: WebSocket }>> {
  const pairs = []
  for (let n = 0; n < CLIENTS; n++) {
    // Every other one understands compression.
    const client = new Client(new WebSocket(`${base}/plain`, { perMessageDeflate: n % 2 === 0 }))
    await until(() => latest !== undefined && client.socket.readyState === WebSocket.OPEN)
    pairs.push({ client, ...latest! })
    latest = undefined
  }
  return pairs
}

test('whatever is sent, published, joined, left and closed: each client gets its messages once, in order, and no others', { timeout: 60_000 }, async () => {
  await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 60 }), async steps => {
    const pairs = await connectAll()
    const expected: Array<Array<string | Buffer>> = pairs.map(() => [])
    const isOpen = pairs.map(() => true)
    const joined = pairs.map(() => new Set<string>())
    let count = 0
    const message = (length: number, isBinary: boolean): string | Buffer => {
      const text = `${count++} `.padEnd(length, 'x').slice(0, length)
      return isBinary ? Buffer.from(text) : text
    }
    for (const current of steps) {
      if (current.do === 'send' || current.do === 'own send') {
        const { connection, socket } = pairs[current.to]!
        for (let time = 0; time < current.times; time++) {
          const data = message(current.size, current.binary)
          if (current.do === 'own send') socket.send(data)
          else assert.equal(connection.send(data), isOpen[current.to])
          if (isOpen[current.to]) expected[current.to]!.push(data)
        }
      } else if (current.do === 'publish') {
        const data = message(current.size, current.binary)
        const except = current.except === undefined ? {} : { except: pairs[current.except]!.connection.id }
        const receivers = pairs.flatMap((_pair, n) => isOpen[n] && n !== current.except && joined[n]!.has(current.channel) ? [n] : [])
        const publishing = app.realtime.publish(current.channel, data, except)
        for (const n of receivers) expected[n]!.push(data)
        assert.deepEqual(await publishing, { delivered: receivers.length })
      } else if (current.do === 'subscribe') {
        pairs[current.who]!.connection.subscribe(current.channel)
        joined[current.who]!.add(current.channel)
      } else if (current.do === 'unsubscribe') {
        pairs[current.who]!.connection.unsubscribe(current.channel)
        joined[current.who]!.delete(current.channel)
      } else if (current.do === 'close') {
        pairs[current.who]!.connection.close()
        isOpen[current.who] = false
      } else {
        await new Promise(resolve => setImmediate(resolve))
      }
    }
    for (const { connection } of pairs) connection.close()
    await Promise.all(pairs.map(({ client }) => client.closed))
    await until(() => app.realtime.connections.size === 0)
    pairs.forEach(({ client }, n) => assert.deepEqual(client.unread, expected[n]))
  }), { numRuns: 300 })
})
