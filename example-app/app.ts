import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import jwt from '@fastify/jwt'
import fastifyStatic from '@fastify/static'
import Fastify, { type FastifyInstance } from 'fastify'
import realtime from 'fastify-realtime'
import { addPeopleRoute } from './people.ts'
import { addRooms, type RoomHistory, roomChannels } from './rooms.ts'
import { addSignIn, principalOf } from './sign-in.ts'
import { addCentrifugeClient } from './vendor.ts'

export interface ExampleOptions {
  readonly logger?: boolean
  /** @default random: tokens end with the process */
  readonly jwtSecret?: string
  /** Whole seconds a token is good for. @default 300 */
  readonly tokenTtl?: number
  /** What is kept of a room. @default the last 100 messages, until 5 minutes after the last one */
  readonly roomHistory?: RoomHistory
}

/** The page may load from and talk to the server it came from, and nobody else. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'self'", "connect-src 'self' ws: wss:", "object-src 'none'", "base-uri 'none'", "form-action 'self'", "frame-ancestors 'none'"
].join('; ')

export async function buildApp (options: ExampleOptions = {}): Promise<FastifyInstance> {
  const { logger = false, jwtSecret = randomBytes(32).toString('hex'), tokenTtl = 300, roomHistory } = options
  if (!Number.isSafeInteger(tokenTtl) || tokenTtl < 1) throw new RangeError(`The token's time to live is a whole number of seconds, got ${tokenTtl}`)
  const app = Fastify({ logger })

  app.addHook('onSend', async (_request, reply) => {
    reply.headers({
      'content-security-policy': CONTENT_SECURITY_POLICY,
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer'
    })
  })

  await app.register(jwt, { secret: jwtSecret })
  await app.register(realtime, {
    // A token that does not verify throws, which refuses the connection with 401 before the upgrade.
    auth: { authenticate: token => principalOf(app.jwt.verify(token)) },
    // Shorter than the default, so that the page has a latency to show soon after it has connected.
    heartbeat: { interval: 2_000, timeout: 2_000 },
    channels: roomChannels(roomHistory)
  })
  addSignIn(app, tokenTtl)
  addPeopleRoute(app)
  addRooms(app)
  await app.register(fastifyStatic, { root: join(import.meta.dirname, 'public') })
  addCentrifugeClient(app)
  return app
}
