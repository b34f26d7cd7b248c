import { randomBytes } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import type { FastifyBaseLogger, FastifyRequest } from 'fastify'
import type { RawData, WebSocket } from 'ws'
import { CloseCode } from '../close-codes.ts'
import { type EndedBy, LiveConnection } from '../core/connection.ts'
import type { Expiry } from '../core/expiry.ts'
import type { Heartbeat, Pulse } from '../core/heartbeat.ts'
import type { Hub } from '../core/hub.ts'
import type { Registry } from '../core/registry.ts'
import { NoPrincipalError } from '../errors.ts'
import { addressOf } from '../handshake/auth-hook.ts'
import type { ResolvedMessageRate } from '../options.ts'

export type AppConnection = LiveConnection<FastifyBaseLogger>

/** What all connections share. */
export interface Shared {
  readonly hub: Hub<FastifyBaseLogger>
  readonly registry: Registry<FastifyBaseLogger>
  readonly heartbeat: Heartbeat | undefined
  /** Ends connections with their credentials. */
  readonly expiry: Expiry<AppConnection>
  /** Drops those whose closing handshake takes longer than `closeTimeout`. */
  readonly closing: Expiry<AppConnection>
  readonly closeTimeout: number
  readonly messageRate: ResolvedMessageRate | false
  readonly counts: { opened: number, heartbeatTimeouts: number, handlerErrors: number }
  /** Handlers of `close` that are still running; the application's own closing waits for them. */
  readonly finishing: Set<Promise<void>>
  /** The connection of every socket that has become one. */
  readonly accepted: WeakMap<WebSocket, AppConnection>
  isClosing: boolean
  /** Whether the peer understands messages that are compressed once for all. */
  canInflate: (request: IncomingMessage) => boolean
  /** Told of every socket that has become a connection. */
  onAccepted (socket: WebSocket): void
}

export type OnEnd = (code: number, reason: string) => void

/**
 * Turns an open socket into a connection: registry, heartbeat, expiry and the log lines of its beginning and end. All
 * listeners are attached before it returns, so nothing that arrives is missed.
 * @throws FST_RT_NO_PRINCIPAL
 */
export function acceptSocket (shared: Shared, socket: WebSocket, request: FastifyRequest, route: string, onEnd?: OnEnd): AppConnection {
  const { hub, registry, heartbeat, expiry, closing, counts } = shared
  // Undefined where the request belongs to a scope that knows nothing of the plugin.
  if (request.principal == null) throw new NoPrincipalError()
  const id = randomBytes(16).toString('base64url')
  const connection: AppConnection = new LiveConnection({
    id,
    principal: request.principal,
    route,
    remoteAddress: addressOf(request),
    socket,
    wire: wireOf(request),
    canInflate: shared.canInflate(request.raw),
    host: hub,
    createLog: () => request.log.child({ connectionId: id })
  })
  if (socket.readyState === socket.CLOSED) {
    connection.ended()
    return connection
  }
  let failure: Error | undefined
  const pulse = heartbeat?.watch({
    get isPaused () { return socket.isPaused },
    bytesRead: () => wireOf(request)?.bytesRead ?? 0,
    ping: () => connection.ping(),
    giveUp: () => {
      counts.heartbeatTimeouts++
      connection.terminate('heartbeat')
    }
  })

  const { close } = socket
  // Whoever closes, ws itself included when the peer does: what was sent before goes out before the close frame, and from
  // then on nothing but the peer's goodbye is waited for.
  socket.close = (code, reason) => {
    connection.outlet.flush()
    pulse?.stop()
    closing.add(connection, Date.now() + shared.closeTimeout)
    close.call(socket, code, reason)
  }
  shared.accepted.set(socket, connection)
  shared.onAccepted(socket)
  registry.add(connection)
  counts.opened++
  countMessages(socket, connection, hub, pulse)
  socket.on('error', error => { failure = error })
  socket.on('close', (peerCode, peerReason) => {
    pulse?.stop()
    expiry.remove(connection)
    closing.remove(connection)
    registry.remove(connection)
    connection.ended()
    if (failure !== undefined && connection.farewell === undefined) connection.endedBy ??= 'protocol error'
    const { code, reason } = connection.farewell ?? goodbyeOf(peerCode, peerReason, failure, connection.endedBy)
    logEnd(request.log, connection, code, reason)
    onEnd?.(code, reason)
  })

  request.log.info({ connectionId: id, route, principal: connection.principal.id, remoteAddress: connection.remoteAddress }, 'connection opened')
  if (connection.principal.expiresAt !== undefined) expiry.add(connection, connection.principal.expiresAt)
  if (shared.isClosing) connection.end(CloseCode.GoingAway, 'shutdown')
  return connection
}

/** The TCP or TLS socket below; none under `injectWS`. */
function wireOf (request: FastifyRequest): Socket | undefined {
  return request.raw.socket instanceof Socket ? request.raw.socket : undefined
}

/**
 * Lets the application go on using `socket.send` beside the connection's own: in the order of the calls, and never with a
 * frame of ours between the fragments of one of its messages. Its messages are not compressed, since `ws` does that later.
 */
export function keepOrder (socket: WebSocket, { outlet }: AppConnection): void {
  const { send } = socket
  socket.send = ((data: Parameters<WebSocket['send']>[0], options: SendOptions | SendCallback = {}, callback?: SendCallback) => {
    const settings = typeof options === 'function' ? {} : options
    if (settings.fin === false) outlet.hold()
    else outlet.flush()
    send.call(socket, data, { ...settings, compress: false }, typeof options === 'function' ? options : callback)
    if (settings.fin !== false) outlet.release()
  }) as WebSocket['send']
}

type SendCallback = (error?: Error) => void
interface SendOptions { readonly fin?: boolean }

function countMessages (socket: WebSocket, connection: AppConnection, hub: Hub<FastifyBaseLogger>, pulse: Pulse | undefined): void {
  socket.on('message', (data: RawData) => {
    const size = Array.isArray(data) ? data.reduce((sum, part) => sum + part.length, 0) : data.byteLength
    pulse?.seen()
    connection.traffic.messagesIn++
    connection.traffic.bytesIn += size
    hub.totals.messagesIn++
    hub.totals.bytesIn += size
  })
  socket.on('ping', () => { pulse?.seen() })
  socket.on('pong', () => { connection.latency = pulse?.pong() ?? connection.latency })
}

/** The close code that goes with a protocol error of the `ws` package, where it is not 1002. */
const protocolErrorCodes: Record<string, number> = {
  WS_ERR_UNSUPPORTED_MESSAGE_LENGTH: CloseCode.MessageTooBig,
  WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH: CloseCode.MessageTooBig,
  WS_ERR_INVALID_UTF8: 1007,
  WS_ERR_TOO_MANY_BUFFERED_PARTS: CloseCode.PolicyViolation
}

/** How a connection ended that this side did not close: by the peer's close frame, a protocol error, or with no word. */
function goodbyeOf (code: number, reason: Buffer, failure: Error | undefined, endedBy: EndedBy | undefined): { code: number, reason: string } {
  if (endedBy === 'heartbeat') return { code: 1006, reason: 'no answer to the heartbeat' }
  if (failure === undefined || !('code' in failure)) return { code, reason: reason.toString() }
  return { code: protocolErrorCodes[String(failure.code)] ?? 1002, reason: failure.message }
}

const VICTIMS: ReadonlySet<EndedBy> = new Set(['heartbeat', 'slow consumer'])

function logEnd (log: FastifyBaseLogger, connection: AppConnection, code: number, reason: string): void {
  const endedBy = connection.endedBy ?? 'client'
  const line = {
    connectionId: connection.id,
    route: connection.route,
    principal: connection.principal.id,
    code,
    reason,
    endedBy,
    duration: Date.now() - connection.connectedAt,
    ...connection.traffic
  }
  if (VICTIMS.has(endedBy)) log.warn(line, `connection ended by ${endedBy}`)
  else log.info(line, 'connection ended')
}
