import type { FastifyInstance, preHandlerAsyncHookHandler } from 'fastify'
import { UnsupportedProtocolError } from '../errors.ts'
import { offerFirstOf } from '../handshake/token-sources.ts'
import { requireUpgrade, upgradeRequired } from '../routes/route.ts'
import { greet } from './greeting.ts'
import type { ChannelHost } from './host.ts'

/** `GET {prefix}/channels`: many channels over one connection, in the Centrifuge protocol. */
export function addChannelsRoute (scope: FastifyInstance, host: ChannelHost): void {
  scope.route({
    method: 'GET',
    url: '/channels',
    exposeHeadRoute: false,
    onRequest: requireUpgrade,
    preHandler: [host.gate.welcomes, chooseProtocol],
    handler: (_request, reply) => { throw upgradeRequired(reply) },
    wsHandler: (socket, request) => {
      // This socket is ours: what goes wrong on it is told by the line of its end, and must not cut the close frame short.
      socket.removeAllListeners('error')
      greet(host, socket, request)
    }
  })
}

const JSON_PROTOCOL = 'centrifuge-json'
const PROTOBUF_PROTOCOL = 'centrifuge-protobuf'

const chooseProtocol: preHandlerAsyncHookHandler = async request => {
  const offered = offerFirstOf(request, [JSON_PROTOCOL, 'bearer'])
  if (offered.includes(PROTOBUF_PROTOCOL) && !offered.includes(JSON_PROTOCOL)) throw new UnsupportedProtocolError(PROTOBUF_PROTOCOL)
}
