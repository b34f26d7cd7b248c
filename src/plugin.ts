import { setTimeout as delay } from 'node:timers/promises'
import fastifyWebsocket from '@fastify/websocket'
import type { FastifyBaseLogger, FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import type { WebSocket } from 'ws'
import type { Realtime } from './api.ts'
import { CloseCode, isSendableCloseCode, reasonOf } from './close-codes.ts'
import { Expiry } from './core/expiry.ts'
import { Heartbeat } from './core/heartbeat.ts'
import { Hub } from './core/hub.ts'
import { Outbox } from './core/outbox.ts'
import { Registry } from './core/registry.ts'
import { AlreadyRegisteredError, InvalidCloseCodeError, InvalidOptionError, OptionNotApplicableError } from './errors.ts'
import { createAuthHooks } from './handshake/auth-hook.ts'
import { createAuthorize } from './handshake/authorize.ts'
import { watchCompression } from './handshake/compression.ts'
import { redactingLogOptions, restoreQueryToken, takeQueryToken } from './handshake/query-token.ts'
import { UpgradeGuard } from './handshake/upgrade-guard.ts'
import { type RealtimeOptions, type ResolvedOptions, resolveOptions } from './options.ts'
import { acceptSocket, type AppConnection, keepOrder, type Shared } from './routes/accept.ts'
import { addBroadcastRoute } from './routes/broadcast.ts'
import { addEchoRoute } from './routes/echo.ts'
import { type AddRoute, createAddRoute } from './routes/route.ts'

async function plugin (app: FastifyInstance, userOptions: RealtimeOptions): Promise<void> {
  if (app.hasDecorator('realtime')) throw new AlreadyRegisteredError()
  const options = resolveOptions(userOptions)
  const { auth, limits } = options

  // State: one of each, shared by every connection.
  let isClosing = false
  const registry = new Registry<FastifyBaseLogger>()
  const shared: Shared = {
    registry,
    hub: new Hub({
      registry,
      outbox: new Outbox({ ...options.flush, threshold: options.compression === false ? Infinity : options.compression.threshold }),
      ...limits,
      onSlow: connection => connection.log.warn({ bufferedAmount: connection.bufferedAmount, policy: limits.slowConsumer }, 'slow consumer')
    }),
    heartbeat: options.heartbeat === false ? undefined : new Heartbeat(options.heartbeat),
    expiry: new Expiry<AppConnection>(connection => connection.end(CloseCode.CredentialsExpired, 'expiry')),
    counts: { opened: 0, heartbeatTimeouts: 0, handlerErrors: 0 },
    isClosing: () => isClosing,
    canInflate: () => false,
    onAccepted (socket, connection) {
      accepted.set(socket, connection)
      // A preClose of @fastify/websocket that runs before ours closes whoever it knows, without a code.
      if (isReused) app.websocketServer.clients.delete(socket)
    }
  }
  const accepted = new WeakMap<WebSocket, AppConnection>()
  const isReused = app.hasDecorator('websocketServer')
  const guard = new UpgradeGuard(limits.handshakeTimeout, request => app.log.warn({ url: request.url }, 'handshake timed out'))
  const authHook = createAuthHooks(auth)

  // Before @fastify/websocket: its own preClose closes without a code, and would come first.
  app.addHook('preClose', async () => {
    isClosing = true
    guard.close()
    for (const connection of registry) connection.end(CloseCode.GoingAway, 'shutdown')
    await within(options.closeTimeout, registry.whenEmpty())
    for (const connection of registry) connection.terminate('shutdown')
    await within(1_000, registry.whenEmpty())
    shared.heartbeat?.close()
    shared.expiry.close()
  })
  if (isReused) assertApplicable(app, userOptions)
  else await registerFastifyWebsocket(app, options, socket => accepted.has(socket))

  app.server.prependListener('upgrade', (request, socket) => {
    const isOurs = request.url?.startsWith(`${scope.prefix}/`)
    if (isOurs || auth.tokenFrom.includes('query')) takeQueryToken(request, auth.queryName)
    guard.watch(request, socket)
  })
  app.websocketServer.on('connection', (_socket, request) => guard.release(request))
  if (options.compression !== false) shared.canInflate = watchCompression(app.websocketServer)
  app.decorateRequest('principal', null)
  app.addHook('onRequest', async request => restoreQueryToken(request, auth.queryName))
  app.addHook('onReady', async () => {
    if (auth.tokenFrom.includes('cookie') && !app.hasRequestDecorator('cookies')) {
      throw new InvalidOptionError('auth.tokenFrom', "'cookie' needs the plugin @fastify/cookie")
    }
  })

  // Routes: in a scope of their own, so that nothing here can leak onto the application's routes.
  let scope!: FastifyInstance
  let addRoute!: AddRoute
  await app.register(async child => {
    scope = child
    addRoute = createAddRoute(scope, shared, authHook)
    const createChildLogger = scope.childLoggerFactory
    scope.setChildLoggerFactory((logger, bindings, opts, raw) =>
      createChildLogger.call(scope, logger, bindings, redactingLogOptions(logger, opts, raw, auth.queryName), raw))
    if (options.echo !== false) addEchoRoute(addRoute, options.echo)
    if (options.broadcast) addBroadcastRoute(addRoute, shared.hub, createAuthorize(auth))
  }, { prefix: options.prefix })

  app.decorate('realtime', createRealtime())

  function createRealtime (): Realtime {
    const { hub, counts } = shared
    return {
      connections: registry,
      route: (routeOptions, handlers) => addRoute(routeOptions, handlers),
      publish: async (channel, data, { except } = {}) => ({ delivered: hub.publish(channel, data, except) }),
      broadcast: (data, target) => hub.broadcast(data, target),
      async disconnect (principalId, { code = CloseCode.Revoked, reason = reasonOf(code) } = {}) {
        if (!isSendableCloseCode(code)) throw new InvalidCloseCodeError(code)
        for (const connection of registry.ofPrincipal(principalId)) connection.end(code, 'disconnect', reason)
      },
      accept (socket, request) {
        const known = accepted.get(socket)
        if (known !== undefined) return known
        const connection = acceptSocket(shared, socket, request, request.routeOptions.url ?? request.url)
        keepOrder(socket, connection)
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
}

/** With an @fastify/websocket that the application has registered itself, its options are what they are. */
function assertApplicable (app: FastifyInstance, { limits, compression }: RealtimeOptions): void {
  const { maxPayload, perMessageDeflate } = app.websocketServer.options
  if (compression !== undefined && compression !== false && !perMessageDeflate) {
    throw new OptionNotApplicableError('compression', '@fastify/websocket is registered already, without perMessageDeflate')
  }
  if (limits?.maxPayload === undefined || limits.maxPayload === maxPayload) return
  throw new OptionNotApplicableError('limits.maxPayload', `@fastify/websocket is registered already, with maxPayload ${maxPayload}`)
}

async function registerFastifyWebsocket (app: FastifyInstance, { limits, compression, closeTimeout }: ResolvedOptions, isAccepted: (socket: WebSocket) => boolean): Promise<void> {
  // How long a closing handshake may take is an option that the types of `ws` do not know yet.
  const serverOptions = {
    maxPayload: limits.maxPayload,
    perMessageDeflate: compression === false ? false : { ...compression, serverNoContextTakeover: true, clientNoContextTakeover: true },
    closeTimeout: Math.max(1, closeTimeout)
  }
  await app.register(fastifyWebsocket, {
    options: serverOptions,
    errorHandler (error, socket, request) {
      // A connection tells of its errors in the line of its end; terminating it here would cut its close frame short.
      if (isAccepted(socket)) return
      request.log.error(error)
      socket.terminate()
    }
  })
}

async function within (ms: number, promise: Promise<void>): Promise<void> {
  const timer = new AbortController()
  await Promise.race([promise, delay(ms, undefined, { signal: timer.signal }).catch(() => {})])
  timer.abort()
}

export const realtime = fp(plugin, { fastify: '5.x', name: 'fastify-realtime' })
