import type { TSchema } from '@sinclair/typebox'
import type { TypeCheck } from '@sinclair/typebox/compiler'
import type { FastifyRequest } from 'fastify'
import type { RawData, WebSocket } from 'ws'
import type { RouteHandlers } from '../api.ts'
import { CloseCode } from '../close-codes.ts'
import { frameOfAny } from '../core/frame.ts'
import type { TokenBucket } from '../core/token-bucket.ts'
import { INVALID_MESSAGE } from '../errors.ts'
import type { AppConnection, Server, Shared } from './shared.ts'
import { Inbox, type InboxOwner } from './inbox.ts'
import { parseMessage } from './parse-message.ts'

/** What a route's sessions have in common. */
export interface ServedRoute {
  readonly name: string
  /** Whatever the schema says of a message's type. */
  readonly handlers: RouteHandlers<TSchema>
  readonly check: TypeCheck<TSchema> | undefined
}

export interface Incoming {
  readonly data: Buffer
  readonly isBinary: boolean
}

/** The life of a connection on a route: open, messages one at a time, close. Nothing a handler does escapes from here. */
export class Session implements Server, InboxOwner<Incoming> {
  readonly #shared: Shared
  readonly #route: ServedRoute
  readonly #socket: WebSocket
  readonly #request: FastifyRequest
  readonly #connection: AppConnection
  readonly #bucket: TokenBucket | undefined
  readonly #inbox: Inbox<Incoming> = new Inbox(this)

  constructor (shared: Shared, route: ServedRoute, socket: WebSocket, request: FastifyRequest, connection: AppConnection, bucket: TokenBucket | undefined) {
    this.#shared = shared
    this.#route = route
    this.#socket = socket
    this.#request = request
    this.#connection = connection
    this.#bucket = bucket
  }

  open (): void {
    const opening = this.#guard(() => this.#route.handlers.open?.(this.#connection, this.#request))
    if (opening !== undefined) this.#inbox.hold(opening)
  }

  onMessage (data: RawData, isBinary: boolean): void {
    // Once this side has said goodbye, what still comes in is not handled any more.
    if (this.#connection.endedBy !== undefined) return
    const { messageRate } = this.#shared
    if (messageRate !== false && messageRate.onExceed === 'close' && this.#bucket!.take() > 0) {
      return this.#connection.end(CloseCode.TooManyMessages, 'message rate')
    }
    this.#inbox.push({ data: data as Buffer, isBinary })
  }

  onEnd (code: number, reason: string): void {
    if (this.#connection.endedBy !== undefined) this.#inbox.clear()
    this.#inbox.whenIdle(() => {
      const finishing = this.#guard(() => this.#route.handlers.close?.(this.#connection, code, reason))
      if (finishing === undefined) return
      this.#shared.finishing.add(finishing)
      finishing.then(() => this.#shared.finishing.delete(finishing))
    })
  }

  // For the inbox.

  delay (): number {
    const { messageRate } = this.#shared
    return messageRate !== false && messageRate.onExceed === 'pause' ? this.#bucket!.take() : 0
  }

  pause (): void {
    this.#socket.pause()
  }

  resume (): void {
    this.#socket.resume()
  }

  handle (incoming: Incoming): void | Promise<void> {
    if (this.#connection.endedBy !== undefined) return
    try {
      const result = this.#callHandler(incoming)
      if (!isPromise(result)) return this.#reply(result)
      return Promise.resolve(result).then(reply => this.#reply(reply)).catch(error => this.#fail(error))
    } catch (error) {
      this.#fail(error)
    }
  }

  #callHandler ({ data, isBinary }: Incoming): unknown {
    const { check, handlers } = this.#route
    if (check === undefined) return handlers.message?.(this.#connection, isBinary ? data : data.toString(), this.#request)
    const message = parseMessage(check, data, isBinary)
    if ('error' in message) return { error: { code: INVALID_MESSAGE, message: message.error } }
    return handlers.message?.(this.#connection, message.value, this.#request)
  }

  #reply (data: unknown): void {
    if (data !== undefined) this.#connection.reply(frameOfAny(data))
  }

  /** Runs a handler whose result nobody gets. A promise only if the handler made one; it never rejects. */
  #guard (handler: () => unknown): void | Promise<void> {
    try {
      const result = handler()
      if (isPromise(result)) return Promise.resolve(result).then(() => {}, error => this.#fail(error))
    } catch (error) {
      this.#fail(error)
    }
  }

  #fail (error: unknown): void {
    this.#shared.counts.handlerErrors++
    this.#connection.end(CloseCode.InternalError, 'handler error')
    this.#inbox.clear()
    try {
      this.#connection.log.error({ err: error }, 'handler failed')
    } catch {
      // Anything can be thrown, also what throws again when a logger looks at it.
      this.#connection.log.error('handler failed, with something that cannot be logged')
    }
  }
}

function isPromise (value: unknown): value is Promise<unknown> {
  return value instanceof Promise || typeof (value as { then?: unknown } | null | undefined)?.then === 'function'
}
