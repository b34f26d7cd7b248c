import { Type } from '@sinclair/typebox'
import type { Realtime } from './api.ts'
import type { Feeds } from './backplane/feeds.ts'
import { payloadOf } from './backplane/payload.ts'
import type { Handlers } from './channels/handlers.ts'
import { checkFunction, checkOptions } from './check-options.ts'
import { CloseCode, isSendableCloseCode } from './close-codes.ts'
import { assertChannelName } from './core/channel-name.ts'
import { InvalidCloseCodeError } from './errors.ts'
import type { Gate } from './handshake/auth-hook.ts'
import { RouteHandlersSchema, RouteOptionsSchema, RpcOptionsSchema } from './options.ts'
import { acceptSocket, connectionOf } from './routes/accept.ts'
import { keepOrder } from './routes/keep-order.ts'
import { limitAccepted } from './routes/rate-limit.ts'
import type { AddRoute } from './routes/route.ts'
import type { Shared } from './routes/shared.ts'

export interface Parts {
  readonly shared: Shared
  readonly feeds: Feeds
  readonly gate: Gate
  readonly addRoute: AddRoute
  readonly handlers: Handlers
}

const strictRouteHandlers = Type.Composite([RouteHandlersSchema], { additionalProperties: false })

/** Not an instance of a class, which may have fields of its own. */
function isPlain (value: object): boolean {
  const prototype = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

/** Makes `app.realtime`: each method is a few words to the part that does the work. */
export function createRealtime ({ shared, feeds, gate, addRoute, handlers }: Parts): Realtime {
  const { hub, registry, counts } = shared
  return {
    connections: registry,
    route (options, routeHandlers) {
      const name = `route(${options?.url ?? ''})`
      checkOptions(RouteOptionsSchema, options, name)
      if (routeHandlers !== undefined) checkOptions(isPlain(routeHandlers) ? strictRouteHandlers : RouteHandlersSchema, routeHandlers, name)
      addRoute(options, routeHandlers)
    },
    async publish (channel, data, { except } = {}) {
      assertChannelName(channel)
      const before = feeds.delivered
      const published = feeds.publish(channel, { type: 'publication', payload: payloadOf(data), except })
      // What an engine brings back later is not known yet.
      const delivered = feeds.delivered - before
      const position = await published
      return position === undefined ? { delivered } : { delivered, position }
    },
    broadcast: (data, target) => hub.broadcast(data, target),
    async disconnect (principalId, { code = CloseCode.Revoked, reason } = {}) {
      if (!isSendableCloseCode(code)) throw new InvalidCloseCodeError(code)
      shared.revocations.revoke(principalId)
      for (const connection of registry.ofPrincipal(principalId)) connection.end(code, 'disconnect', reason)
    },
    accept (socket, request) {
      const known = connectionOf(socket)
      if (known !== undefined) return known
      const connection = acceptSocket(shared, socket, request, request.routeOptions.url ?? request.url)
      keepOrder(socket, connection)
      limitAccepted(socket, shared.messageRate, connection)
      return connection
    },
    requires: permission => gate.requires(permission),
    rpc (method, options, handler) {
      checkOptions(Type.String(), method, 'rpc method')
      checkOptions(RpcOptionsSchema, options, `rpc(${method})`)
      checkFunction(`rpc(${method}).handler`, handler)
      handlers.addMethod(method, options, handler)
    },
    onConnect (handler) {
      checkFunction('onConnect', handler)
      handlers.onConnect = handler
    },
    onMessage (handler) {
      checkFunction('onMessage', handler)
      handlers.onMessage = handler
    },
    stats: () => ({
      connections: registry.size,
      channels: registry.channelCount,
      ...counts,
      ...hub.totals,
      slowConsumers: hub.slowConsumers,
      gaps: feeds.gaps
    })
  }
}
