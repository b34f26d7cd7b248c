import type { FastifyRequest } from 'fastify'
import { CloseCode } from '../close-codes.ts'
import type { Feeds } from '../backplane/feeds.ts'
import { assertChannelName } from '../core/channel-name.ts'
import type { Principal } from '../core/principal.ts'
import { ForbiddenError } from '../errors.ts'
import type { Authorize } from '../handshake/authorize.ts'
import { payloadOf } from '../backplane/payload.ts'
import type { Grant } from '../options.ts'
import type { AddRoute } from './route.ts'

const DEFAULT_CHANNEL = 'broadcast'

/** `GET {prefix}/broadcast?channel=NAME`: every message to everybody else in the channel. */
export function addBroadcastRoute (addRoute: AddRoute, feeds: Feeds, authorize: Authorize): void {
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
      return permitted instanceof Promise ? permitted.then(publish) : publish(permitted)

      async function publish (isPermitted: boolean | Grant): Promise<void> {
        if (!isPermitted) return connection.close(CloseCode.PolicyViolation)
        await feeds.publish(channel, { type: 'publication', payload: payloadOf(message), except: connection.id })
      }
    }
  }, 'broadcast')

  async function mayJoin (request: FastifyRequest, channel: string): Promise<boolean> {
    try {
      return Boolean(await may(request.principal!, 'subscribe', channel))
    } catch (error) {
      // As with a failing `authenticate`: the client is refused, the reason is for the log alone.
      request.log.warn({ err: error }, 'authorize failed')
      return false
    }
  }

  /** The permission `broadcast` is both rights at once on the default channel. */
  function may (principal: Principal, action: 'subscribe' | 'publish', channel: string): ReturnType<Authorize> {
    return authorize(principal, action, channel, { whole: channel === DEFAULT_CHANNEL ? 'broadcast' : undefined })
  }
}

function channelOf (request: FastifyRequest): string {
  const { channel = DEFAULT_CHANNEL } = request.query as { channel?: string }
  return channel
}
