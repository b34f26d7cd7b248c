import type { TSchema } from '@sinclair/typebox'
import type { FastifyInstance, FastifyReply, FastifyRequest, onRequestAsyncHookHandler, preHandlerAsyncHookHandler } from 'fastify'
import type { WebSocket } from 'ws'
import type { RouteHandlers, RouteOptions } from '../api.ts'
import { compileOption } from '../check-options.ts'
import { TokenBucket } from '../core/token-bucket.ts'
import { UpgradeRequiredError } from '../errors.ts'
import { type CreateAuthHook, isUpgradeRequest } from '../handshake/auth-hook.ts'
import { offerFirstOf } from '../handshake/token-sources.ts'
import { acceptSocket } from './accept.ts'
import { type ServedRoute, Session } from './session.ts'
import type { Shared } from './shared.ts'

/** Adds a WebSocket route; `name` is the connection's `route`, its url unless given. */
export type AddRoute = <M extends TSchema | undefined = undefined>(options: RouteOptions<M>, handlers: RouteHandlers<M>, name?: string) => void

export function createAddRoute (scope: FastifyInstance, shared: Shared, authHook: CreateAuthHook): AddRoute {
  return function addRoute (options, handlers = {}, name = options.url) {
    const route: ServedRoute = {
      name,
      handlers: handlers as RouteHandlers<TSchema>,
      check: options.message === undefined ? undefined : compileOption(`route(${options.url}).message`, options.message)
    }
    scope.route({
      method: 'GET',
      url: options.url,
      exposeHeadRoute: false,
      onRequest: requireUpgrade,
      preHandler: [authHook(options.permission), keepBearerOnly, ...[options.preHandler ?? []].flat()],
      // Reached only without a socket to upgrade, as under `inject`.
      handler: (_request, reply) => { throw upgradeRequired(reply) },
      wsHandler: (socket, request) => serve(shared, route, socket, request)
    })
  }
}

export const requireUpgrade: onRequestAsyncHookHandler = async (request, reply) => {
  if (isUpgradeRequest(request)) return
  throw upgradeRequired(reply)
}

/** The route speaks no subprotocol but `bearer`, whatever it is that was offered. */
const keepBearerOnly: preHandlerAsyncHookHandler = async request => { offerFirstOf(request, ['bearer']) }

export function upgradeRequired (reply: FastifyReply): Error {
  reply.header('upgrade', 'websocket').header('connection', 'upgrade')
  return new UpgradeRequiredError()
}

function serve (shared: Shared, route: ServedRoute, socket: WebSocket, request: FastifyRequest): void {
  // This socket is ours: what goes wrong on it is told by the line of its end, and must not cut the close frame short.
  socket.removeAllListeners('error')
  const bucket = shared.messageRate === false ? undefined : new TokenBucket(shared.messageRate)
  acceptSocket(shared, socket, request, route.name, connection => new Session(shared, route, socket, request, connection, bucket))
}
