import type { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import { type Duplex, finished } from 'node:stream'
import type { FastifyError } from 'fastify'
import { ClosingError, HandshakeTimeoutError } from '../errors.ts'

interface Pending {
  readonly socket: Duplex
  /** A connection that was kept alive has had answers before. */
  readonly bytesBefore: number
  readonly onClose: () => void
  readonly deadline: number // on the monotonic clock
  /** Somebody has answered, and it has not become a WebSocket: a refusal. */
  isRefused: boolean
}

/**
 * Watches every upgrade from its first byte until it is a WebSocket or gone. A handshake that takes too long, whoever is
 * to blame, is answered with 503 and its socket destroyed; so is whatever is still pending when the server closes.
 */
export class UpgradeGuard {
  readonly #timeout: number
  readonly #onTimeout: (request: IncomingMessage) => void
  readonly #pending = new Map<IncomingMessage, Pending>()
  #sweeper: NodeJS.Timeout | undefined = undefined
  #isClosing = false

  constructor (timeout: number, onTimeout: (request: IncomingMessage) => void) {
    this.#timeout = timeout
    this.#onTimeout = onTimeout
  }

  /** An upgrade request has reached the server. */
  watch (request: IncomingMessage, socket: Duplex): void {
    const bytesBefore = bytesWrittenTo(socket)
    if (this.#isClosing) return refuse({ socket, bytesBefore }, new ClosingError())
    if (!(socket instanceof Socket)) destroyWhenDone(socket)
    const onClose = () => this.release(request)
    this.#pending.set(request, { socket, bytesBefore, onClose, deadline: performance.now() + this.#timeout, isRefused: false })
    socket.once('close', onClose)
    this.#sweeper ??= setInterval(() => this.#sweep(), Math.min(250, Math.ceil(this.#timeout / 10)))
  }

  /** The socket of a pending handshake. */
  socketOf (request: IncomingMessage): Duplex | undefined {
    return this.#pending.get(request)?.socket
  }

  /** It has become a WebSocket, or its socket is gone. */
  release (request: IncomingMessage): void {
    const pending = this.#pending.get(request)
    if (pending === undefined) return
    pending.socket.off('close', pending.onClose)
    this.#pending.delete(request)
    if (this.#pending.size === 0) this.#stopSweeping()
  }

  /** From now on every upgrade is refused, those that are waiting for an answer included. */
  close (): void {
    this.#isClosing = true
    for (const pending of this.#pending.values()) {
      if (!isTaken(pending.socket)) refuse(pending, new ClosingError())
    }
    this.#pending.clear()
    this.#stopSweeping()
  }

  #sweep (): void {
    const now = performance.now()
    for (const [request, pending] of this.#pending) {
      // A refusal gets one more look, in which the rest of it may leave; then nobody will do anything with the socket.
      const isOver = pending.isRefused
      pending.isRefused = bytesWrittenTo(pending.socket) > pending.bytesBefore && !isTaken(pending.socket)
      if (isOver && pending.isRefused) {
        pending.socket.destroy()
        continue
      }
      if (pending.deadline > now) continue
      this.release(request)
      if (isTaken(pending.socket)) continue
      this.#onTimeout(request)
      refuse(pending, new HandshakeTimeoutError())
    }
  }

  #stopSweeping (): void {
    clearInterval(this.#sweeper)
    this.#sweeper = undefined
  }
}

/** The streams of `injectWS` do not close by themselves once both sides have ended, and `ws` waits for that. */
function destroyWhenDone (socket: Duplex): void {
  finished(socket, () => socket.destroy())
}

/** Somebody reads from it: another WebSocket server of the application has it. A refused socket nobody reads. */
function isTaken (socket: Duplex): boolean {
  return socket.listenerCount('data') > 0 || socket.listenerCount('readable') > 0
}

function bytesWrittenTo (socket: Duplex): number {
  return 'bytesWritten' in socket ? Number(socket.bytesWritten) : 0
}

/** Answers, unless somebody already did, and destroys the socket. */
function refuse ({ socket, bytesBefore }: Pick<Pending, 'socket' | 'bytesBefore'>, error: FastifyError): void {
  socket.on('error', () => {}) // what the peer does to a socket that we drop is of no interest
  if (bytesWrittenTo(socket) > bytesBefore || !socket.writable) {
    socket.destroy()
    return
  }
  const body = JSON.stringify({ statusCode: 503, code: error.code, error: 'Service Unavailable', message: error.message })
  socket.end('HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Type: application/json; charset=utf-8\r\n' +
    `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`, () => socket.destroy())
}
