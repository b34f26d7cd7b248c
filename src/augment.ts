// The consumer's `{ websocket: true }` routes, `injectWS` and `websocketServer` are typed by this one.
import '@fastify/websocket'
import type { Realtime } from './api.ts'
import type { Principal } from './core/principal.ts'

declare module 'fastify' {
  interface FastifyInstance {
    realtime: Realtime
  }
  interface FastifyRequest {
    /** Who is asking; null where no auth of the plugin ran. */
    principal: Principal | null
  }
}
