import { type TSchema } from '@sinclair/typebox'
import { type TypeCheck, TypeCompiler } from '@sinclair/typebox/compiler'
import type { FastifyInstance, FastifyReply, FastifyRequest, onRequestAsyncHookHandler, preHandlerAsyncHookHandler } from 'fastify'
import type { WebSocket } from 'ws'
import type { RouteHandlers, RouteOptions } from '../api.ts'
import { CloseCode } from '../close-codes.ts'
import { frameOfAny } from '../core/frame.ts'
import { INVALID_MESSAGE, UpgradeRequiredError } from '../errors.ts'
import { type CreateAuthHook, isUpgradeRequest } from '../handshake/auth-hook.ts'
import { offerBearerOnly } from '../handshake/token-sources.ts'
import { acceptSocket, type Shared } from './accept.ts'
import { Inbox } from './inbox.ts'
import { createRateLimit } from './rate-limit.ts'

/** Adds a WebSocket route; `name` is the connection's `route`, its url unless given. */
export type AddRoute = <M extends TSchema | undefined = undefined>(options: RouteOptions<M>, handlers: RouteHandlers<M>, name?: string) => void

interface Incoming {
  readonly data: Buffer
  readonly isBinary: boolean
}

/** What a handler is called with, whatever the schema says of its type. */
type AnyHandlers = RouteHandlers<TSchema>

export function createAddRoute (scope: FastifyInstance, shared: Shared, authHook: CreateAuthHook): AddRoute {
  return function addRoute (options, handlers = {}, name = options.url) {
    const check = options.message === undefined ? undefined : TypeCompiler.Compile(options.message)
    scope.route({
      method: 'GET',
      url: options.url,
      exposeHeadRoute: false,
      onRequest: requireUpgrade,
      preHandler: [authHook(options.permission), keepBearerOnly, ...[options.preHandler ?? []].flat()],
      // Reached only without a socket to upgrade, as under `inject`.
      handler: (_request, reply) => { throw upgradeRequired(reply) },
      wsHandler: (socket, request) => serve(shared, socket, request, name, handlers as AnyHandlers, check)
    })
  }
}

const requireUpgrade: onRequestAsyncHookHandler = async (request, reply) => {
  if (isUpgradeRequest(request)) return
  throw upgradeRequired(reply)
}

const keepBearerOnly: preHandlerAsyncHookHandler = async request => offerBearerOnly(request)

function upgradeRequired (reply: FastifyReply): Error {
  reply.header('upgrade', 'websocket').header('connection', 'upgrade')
  return new UpgradeRequiredError()
}

/** The life of a connection on a route: open, messages one at a time, close. Nothing a handler does escapes from here. */
function serve (shared: Shared, socket: WebSocket, request: FastifyRequest, name: string, handlers: AnyHandlers, check: TypeCheck<TSchema> | undefined): void {
  // This socket is ours: what goes wrong on it is told by the line of its end, and must not cut the close frame short.
  socket.removeAllListeners('error')
  const rateLimit = createRateLimit(shared.messageRate, () => connection)
  const inbox = new Inbox<Incoming>({
    handle: message => onMessage(message),
    delay: rateLimit.delay,
    pause: () => socket.pause(),
    resume: () => socket.resume()
  })
  const connection = acceptSocket(shared, socket, request, name, (code, reason) => {
    if (connection.endedBy !== undefined) inbox.clear()
    inbox.whenIdle(() => {
      const finishing = guarded(() => handlers.close?.(connection, code, reason))
      if (finishing === undefined) return
      shared.finishing.add(finishing)
      finishing.then(() => shared.finishing.delete(finishing))
    })
  })
  socket.on('message', (data: Buffer, isBinary: boolean) => {
    // Once this side has said goodbye, what still comes in is not handled any more.
    if (connection.endedBy === undefined && rateLimit.admits()) inbox.push({ data, isBinary })
  })
  const opening = guarded(() => handlers.open?.(connection, request))
  if (opening !== undefined) inbox.hold(opening)

  function onMessage ({ data, isBinary }: Incoming): void | Promise<void> {
    if (connection.endedBy !== undefined) return
    return guarded(() => {
      const message = check === undefined ? { value: isBinary ? data : data.toString() } : parse(check, data, isBinary)
      if ('error' in message) return { error: { code: INVALID_MESSAGE, message: message.error } }
      return handlers.message?.(connection, message.value, request)
    }, reply)
  }

  /** Runs a handler, and passes on what it returns. A promise only if the handler made one; it never rejects. */
  function guarded (handler: () => unknown, then: (result: unknown) => void = () => {}): void | Promise<void> {
    try {
      const result = handler()
      if (!isPromise(result)) return then(result)
      return Promise.resolve(result).then(then).catch(fail)
    } catch (error) {
      fail(error)
    }
  }

  function reply (data: unknown): void {
    if (data !== undefined) connection.reply(frameOfAny(data))
  }

  function fail (error: unknown): void {
    shared.counts.handlerErrors++
    connection.end(CloseCode.InternalError, 'handler error')
    inbox.clear()
    try {
      connection.log.error({ err: error }, 'handler failed')
    } catch {
      // Anything can be thrown, also what throws again when a logger looks at it.
      connection.log.error('handler failed, with something that cannot be logged')
    }
  }
}

function isPromise (value: unknown): value is Promise<unknown> {
  return value instanceof Promise || typeof (value as { then?: unknown } | null | undefined)?.then === 'function'
}

function parse (check: TypeCheck<TSchema>, data: Buffer, isBinary: boolean): { value: unknown } | { error: string } {
  if (isBinary) return { error: 'Expected JSON text, got a binary message' }
  let value: unknown
  try {
    value = JSON.parse(data.toString())
  } catch {
    return { error: 'Expected JSON' }
  }
  try {
    if (check.Check(value)) return { value }
    const first = check.Errors(value).First()
    return { error: `${first?.path ? `${first.path}: ` : ''}${first?.message ?? 'Invalid'}` }
  } catch (error) {
    // A recursive schema follows the message as deep as it goes.
    if (error instanceof RangeError) return { error: 'Nested too deeply' }
    throw error
  }
}
