import { randomBytes } from 'node:crypto'
import { Socket as TcpSocket } from 'node:net'
import type { FastifyRequest } from 'fastify'
import type { RawData, WebSocket } from 'ws'
import { CloseCode } from '../close-codes.ts'
import { LiveConnection } from '../core/connection.ts'
import type { HeartbeatPeer, Pulse } from '../core/heartbeat.ts'
import { NoPrincipalError } from '../errors.ts'
import { addressOf } from '../handshake/auth-hook.ts'
import { goodbyeOf, logEnd } from './end.ts'
import type { AppConnection, Server, Shared } from './shared.ts'

const kAccepted = Symbol('fastify-realtime')
type AcceptedWebSocket = WebSocket & { [kAccepted]?: Accepted }

/** The connection that a socket has become, if it has. */
export function connectionOf (socket: WebSocket): AppConnection | undefined {
  return (socket as AcceptedWebSocket)[kAccepted]?.connection
}

/**
 * Turns an open socket into a connection: registry, heartbeat, expiry and the log lines of its beginning and end. All
 * listeners are attached before it returns, so nothing that arrives is missed.
 * @param serverOf makes who serves the connection; without one, the application listens to the socket itself
 * @throws FST_RT_NO_PRINCIPAL
 */
export function acceptSocket (shared: Shared, socket: WebSocket, request: FastifyRequest, route: string, serverOf?: (connection: AppConnection) => Server): AppConnection {
  // Undefined where the request belongs to a scope that knows nothing of the plugin.
  if (request.principal == null) throw new NoPrincipalError()
  const accepted = new Accepted(shared, socket, request, route)
  const { connection } = accepted
  if (socket.readyState === socket.CLOSED) {
    connection.ended()
    return connection
  }
  const server = serverOf?.(connection)
  accepted.open(server)
  server?.open()
  return connection
}

/**
 * What stands between a socket and its connection. An idle connection should cost little, so there is one object of this
 * kind, found through the socket, instead of a closure for each listener.
 */
class Accepted implements HeartbeatPeer {
  readonly connection: AppConnection
  readonly #shared: Shared
  readonly #socket: AcceptedWebSocket
  readonly #request: FastifyRequest
  #server: Server | undefined = undefined
  #pulse: Pulse | undefined = undefined
  #failure: Error | undefined = undefined

  constructor (shared: Shared, socket: WebSocket, request: FastifyRequest, route: string) {
    this.#shared = shared
    this.#socket = socket
    this.#request = request
    this.connection = new LiveConnection({
      id: randomBytes(16).toString('base64url'),
      principal: request.principal!,
      route,
      remoteAddress: addressOf(request),
      socket,
      wire: wireOf(request),
      canInflate: shared.canInflate(request.raw),
      host: shared.hub,
      parentLog: request.log
    })
  }

  open (server: Server | undefined): void {
    const { connection } = this
    const { principal } = connection
    const shared = this.#shared
    const socket = this.#socket
    this.#server = server
    socket[kAccepted] = this
    socket.on('message', onMessage)
    socket.on('ping', onPing)
    socket.on('pong', onPong)
    socket.on('error', onError)
    socket.on('close', onClose)
    socket.close = closeInOrder
    socket.terminate = terminateTold
    this.#pulse = shared.heartbeat?.watch(this, server?.rhythm)
    shared.onAccepted(socket)
    shared.registry.add(connection)
    shared.counts.opened++
    const { id, route, remoteAddress } = connection
    this.#request.log.info({ connectionId: id, route, principal: principal.id, remoteAddress }, 'connection opened')
    if (principal.expiresAt !== undefined) shared.expiry.add(connection, principal.expiresAt + (server?.grace ?? 0))
    if (shared.isClosing) connection.end(CloseCode.GoingAway, 'shutdown')
    if (shared.revocations.covers(principal.id, this.#request.raw)) connection.end(CloseCode.Revoked, 'disconnect')
  }

  onMessage (data: RawData, isBinary: boolean): void {
    // Only one is owed: whoever sends more of them sends messages, and those are counted.
    if (this.#pulse?.isAwaitingPong && this.#server?.isPong?.(data)) return this.onPong()
    const { connection } = this
    const { totals } = this.#shared.hub
    const size = Array.isArray(data) ? data.reduce((sum, part) => sum + part.length, 0) : data.byteLength
    this.#pulse?.seen()
    connection.traffic.messagesIn++
    connection.traffic.bytesIn += size
    totals.messagesIn++
    totals.bytesIn += size
    this.#server?.onMessage(data, isBinary)
  }

  onPing (): void {
    this.#pulse?.seen()
  }

  onPong (): void {
    this.connection.latency = this.#pulse?.pong() ?? this.connection.latency
  }

  onError (error: Error): void {
    this.#failure = error
  }

  /** What was sent before goes out before the close frame, and from then on only the peer's goodbye is waited for. */
  beforeClose (): void {
    this.connection.outlet.flush()
    this.#pulse?.stop()
    this.#shared.closing.add(this.connection, Date.now() + this.#shared.closeTimeout)
  }

  /** Somebody else than the connection drops the socket: `ws`, which does so when pings flood in, or the application. */
  beforeTerminate (): void {
    const { connection } = this
    if (connection.endedBy !== undefined) return
    connection.endedBy = this.#server === undefined ? 'server' : 'protocol error'
    connection.farewell = { code: 1006, reason: 'terminated' }
  }

  onClose (peerCode: number, peerReason: Buffer): void {
    const { connection } = this
    const { hub, expiry, closing } = this.#shared
    this.#pulse?.stop()
    expiry.remove(connection)
    closing.remove(connection)
    hub.remove(connection)
    connection.ended()
    if (this.#failure !== undefined && connection.farewell === undefined) connection.endedBy ??= 'protocol error'
    const { code, reason } = connection.farewell ?? goodbyeOf(peerCode, peerReason, this.#failure, connection.endedBy)
    logEnd(this.#request.log, connection, code, reason)
    this.#server?.onEnd(code, reason)
  }

  // For the heartbeat.

  get isPaused (): boolean {
    return this.#socket.isPaused
  }

  bytesRead (): number {
    return wireOf(this.#request)?.bytesRead ?? 0
  }

  ping (): void {
    this.connection.ping()
  }

  giveUp (): void {
    this.#shared.counts.heartbeatTimeouts++
    this.connection.giveUp()
  }
}

function onMessage (this: AcceptedWebSocket, data: RawData, isBinary: boolean): void { this[kAccepted]!.onMessage(data, isBinary) }
function onPing (this: AcceptedWebSocket): void { this[kAccepted]!.onPing() }
function onPong (this: AcceptedWebSocket): void { this[kAccepted]!.onPong() }
function onError (this: AcceptedWebSocket, error: Error): void { this[kAccepted]!.onError(error) }
function onClose (this: AcceptedWebSocket, code: number, reason: Buffer): void { this[kAccepted]!.onClose(code, reason) }

/** In place of the socket's own `close`, which `ws` itself calls too, when the peer closes or breaks the protocol. */
function closeInOrder (this: AcceptedWebSocket, code?: number, reason?: string | Buffer): void {
  if (this.readyState === this.OPEN) this[kAccepted]!.beforeClose()
  Object.getPrototypeOf(this).close.call(this, code, reason)
}

function terminateTold (this: AcceptedWebSocket): void {
  this[kAccepted]!.beforeTerminate()
  Object.getPrototypeOf(this).terminate.call(this)
}

/** The TCP or TLS socket below; none under `injectWS`. */
function wireOf (request: FastifyRequest): TcpSocket | undefined {
  return request.raw.socket instanceof TcpSocket ? request.raw.socket : undefined
}
