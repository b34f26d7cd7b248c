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
