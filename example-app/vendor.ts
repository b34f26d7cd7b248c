import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import type { FastifyInstance } from 'fastify'

/** `/vendor/centrifuge.js`: the client that the rooms speak with, as its package has it for browsers. Needs `reply.sendFile`. */
export function addCentrifugeClient (app: FastifyInstance): void {
  // The package does not export the file, so it is found from the one that it does.
  const main = createRequire(import.meta.url).resolve('centrifuge')
  const root = join(dirname(main), '..', 'dist')
  app.get('/vendor/centrifuge.js', (_request, reply) => reply.sendFile('centrifuge.js', root))
}
