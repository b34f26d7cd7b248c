import type { FastifyBaseLogger, FastifyRequest } from 'fastify'
import { CloseCode } from '../close-codes.ts'
import { assertChannelName } from '../core/channel-name.ts'
import type { Hub } from '../core/hub.ts'
import type { Principal } from '../core/principal.ts'
import { ForbiddenError } from '../errors.ts'
import type { Authorize } from '../handshake/authorize.ts'
import type { AddRoute } from './route.ts'

const DEFAULT_CHANNEL = 'broadcast'

/** `GET {prefix}/broadcast?channel=NAME`: every message to everybody else in the channel. */
export function addBroadcastRoute (addRoute: AddRoute, hub: Hub<FastifyBaseLogger>, authorize: Authorize): void {
  addRoute({
    url: '/broadcast',
    async preHandler (request) {
      const channel = channelOf(request)
      assertChannelName(channel)
      if (!await mayJoin(request, channel)) throw new ForbiddenError(channel === DEFAULT_CHANNEL ? 'broadcast' : `subscribe:${channel}`)
    }
  }, {
    open: (connection, request) => connection.subscribe(channelOf(request)),
    message (connection, message, request) {
      const channel = channelOf(request)
      const permitted = may(connection.principal, 'publish', channel)
      if (typeof permitted === 'boolean') return publish(permitted)
      return permitted.then(publish)

      function publish (isPermitted: boolean): void {
        if (isPermitted) hub.publish(channel, message, connection.id)
        else connection.close(CloseCode.PolicyViolation)
      }
    }
  }, 'broadcast')

  async function mayJoin (request: FastifyRequest, channel: string): Promise<boolean> {
    try {
      return await may(request.principal!, 'subscribe', channel)
    } catch (error) {
      // As with a failing `authenticate`: the client is refused, the reason is for the log alone.
      request.log.warn({ err: error }, 'authorize failed')
      return false
    }
  }

  /** The permission `broadcast` is both rights at once on the default channel. */
  function may (principal: Principal, action: 'subscribe' | 'publish', channel: string): boolean | Promise<boolean> {
    return authorize(principal, action, channel, channel === DEFAULT_CHANNEL ? 'broadcast' : undefined)
  }
}

function channelOf (request: FastifyRequest): string {
  const { channel = DEFAULT_CHANNEL } = request.query as { channel?: string }
  return channel
}
