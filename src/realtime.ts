import type { Realtime } from './api.ts'
import { CloseCode, isSendableCloseCode, reasonOf } from './close-codes.ts'
import { InvalidCloseCodeError } from './errors.ts'
import type { CreateAuthHook } from './handshake/auth-hook.ts'
import { acceptSocket, connectionOf } from './routes/accept.ts'
import { keepOrder } from './routes/keep-order.ts'
import { limitAccepted } from './routes/rate-limit.ts'
import type { AddRoute } from './routes/route.ts'
import type { Shared } from './routes/shared.ts'

/** Makes `app.realtime`: each method is a few words to the part that does the work. */
export function createRealtime (shared: Shared, authHook: CreateAuthHook, addRoute: AddRoute): Realtime {
  const { hub, registry, counts } = shared
  return {
    connections: registry,
    route: (options, handlers) => addRoute(options, handlers),
    publish: async (channel, data, { except } = {}) => ({ delivered: hub.publish(channel, data, except) }),
    broadcast: (data, target) => hub.broadcast(data, target),
    async disconnect (principalId, { code = CloseCode.Revoked, reason = reasonOf(code) } = {}) {
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
    requires: permission => authHook(permission),
    stats: () => ({
      connections: registry.size,
      channels: registry.channelCount,
      ...counts,
      ...hub.totals,
      slowConsumers: hub.slowConsumers
    })
  }
}
