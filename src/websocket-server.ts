import fastifyWebsocket from '@fastify/websocket'
import type { FastifyInstance } from 'fastify'
import type { WebSocket } from 'ws'
import { OptionNotApplicableError } from './errors.ts'
import type { RealtimeOptions } from './options.ts'
import type { ResolvedOptions } from './resolve-options.ts'

/** Fragments a message may come in. Each costs memory of its own, however short it is. */
const MAX_FRAGMENTS = 64

/** With an @fastify/websocket that the application has registered itself, its options are what they are. */
export function assertApplicable (app: FastifyInstance, given: RealtimeOptions, { limits }: ResolvedOptions): void {
  const { maxPayload = Infinity, perMessageDeflate } = app.websocketServer.options
  if (given.compression !== undefined && given.compression !== false && !perMessageDeflate) {
    throw new OptionNotApplicableError('compression', '@fastify/websocket is registered already, without perMessageDeflate')
  }
  if (maxPayload === limits.maxPayload) return
  if (given.limits?.maxPayload !== undefined) {
    throw new OptionNotApplicableError('limits.maxPayload', `@fastify/websocket is registered already, with maxPayload ${maxPayload}`)
  }
  app.log.warn({ maxPayload }, 'limits.maxPayload is that of the @fastify/websocket that is registered already')
}

/** @param isOurs whether the socket has become a connection of the plugin */
export async function registerFastifyWebsocket (app: FastifyInstance, { limits, compression }: ResolvedOptions, isOurs: (socket: WebSocket) => boolean): Promise<void> {
  await app.register(fastifyWebsocket, {
    options: {
      maxPayload: limits.maxPayload,
      maxFragments: MAX_FRAGMENTS,
      perMessageDeflate: compression === false ? false : { ...compression, serverNoContextTakeover: true, clientNoContextTakeover: true }
    },
    errorHandler (error, socket, request) {
      // A connection tells of its errors in the line of its end; terminating it here would cut its close frame short.
      if (isOurs(socket)) return
      request.log.error(error)
      socket.terminate()
    }
  })
}
