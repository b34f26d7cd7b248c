import { randomUUID } from 'node:crypto'
import type { IncomingMessage, Server } from 'node:http'
import type { FastifyBaseLogger, FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { Feeds } from './backplane/feeds.ts'
import { optionsOf } from './channel-options.ts'
import { deliverPublication } from './channels/encode.ts'
import { Handlers } from './channels/handlers.ts'
import { createChannelHost } from './channels/host.ts'
import { addChannelsRoute } from './channels/route.ts'
import { CloseCode } from './close-codes.ts'
import { Expiry } from './core/expiry.ts'
import { Heartbeat } from './core/heartbeat.ts'
import { Hub } from './core/hub.ts'
import { Outbox } from './core/outbox.ts'
import { Registry } from './core/registry.ts'
import { AlreadyRegisteredError, InvalidOptionError } from './errors.ts'
import { createGate } from './handshake/auth-hook.ts'
import { createAuthorize } from './handshake/authorize.ts'
import { watchCompression } from './handshake/compression.ts'
import { redactingLogOptions, restoreQueryToken, takeQueryToken } from './handshake/query-token.ts'
import { Revocations } from './handshake/revocations.ts'
import { UpgradeGuard } from './handshake/upgrade-guard.ts'
import type { RealtimeOptions } from './options.ts'
import { type ResolvedOptions, resolveOptions } from './resolve-options.ts'
import { createRealtime } from './realtime.ts'
import { connectionOf } from './routes/accept.ts'
import { addBroadcastRoute } from './routes/broadcast.ts'
import { addEchoRoute } from './routes/echo.ts'
import { type AddRoute, createAddRoute } from './routes/route.ts'
import type { AppConnection, Shared } from './routes/shared.ts'
import { shutDown } from './shutdown.ts'
import { assertApplicable, registerFastifyWebsocket } from './websocket-server.ts'

/** The upgrades of a server have one guard, so a server has one plugin, in whatever scope. */
const servers = new WeakSet<Server>()

async function plugin (app: FastifyInstance, userOptions: RealtimeOptions): Promise<void> {
  if (servers.has(app.server)) throw new AlreadyRegisteredError()
  const options = resolveOptions(userOptions)
  servers.add(app.server)
  const { auth } = options
  const isReused = app.hasDecorator('websocketServer')
  const { shared, feeds } = createShared(app, options, isReused)
  const guard = new UpgradeGuard(options.limits.handshakeTimeout, request => app.log.warn({ url: request.url }, 'handshake timed out'))
  const gate = createGate(options, request => guard.socketOf(request))
  const authorize = createAuthorize(auth)
  const handlers = new Handlers()
  const instanceId = randomUUID()

  // Before @fastify/websocket: its own preClose closes without a code, and would come first.
  app.addHook('preClose', async () => {
    shared.isClosing = true
    await shutDown(shared, guard)
    feeds.close()
    await options.backplane.close()
  })
  if (isReused) assertApplicable(app, userOptions, options)
  else await registerFastifyWebsocket(app, options, socket => connectionOf(socket) !== undefined)
  if (options.compression !== false) shared.canInflate = watchCompression(app.websocketServer)

  const hideToken = (request: IncomingMessage): void => takeQueryToken(request, auth.queryName, scope.prefix)
  app.server.prependListener('request', hideToken)
  app.server.prependListener('upgrade', (request, socket) => {
    hideToken(request)
    guard.watch(request, socket)
  })
  app.websocketServer.on('connection', (_socket, request) => guard.release(request))
  app.decorateRequest('principal', null)
  app.addHook('onRequest', async request => restoreQueryToken(request, auth.queryName))
  app.addHook('onReady', async () => {
    await options.backplane.start(instanceId, feeds)
    if (auth.tokenFrom.includes('cookie') && !app.hasRequestDecorator('cookies')) {
      throw new InvalidOptionError('auth.tokenFrom', "'cookie' needs the plugin @fastify/cookie")
    }
  })

  // Routes: in a scope of their own, so that nothing here can leak onto the application's routes.
  let scope!: FastifyInstance
  let addRoute!: AddRoute
  await app.register(async child => {
    scope = child
    addRoute = createAddRoute(scope, shared, gate.requires)
    scope.setChildLoggerFactory((logger, bindings, opts, raw) =>
      app.childLoggerFactory.call(scope, logger, bindings, redactingLogOptions(logger, opts, raw, auth.queryName), raw))
    if (options.echo !== false) addEchoRoute(addRoute, options.echo)
    if (options.broadcast) addBroadcastRoute(addRoute, feeds, authorize)
    if (options.channels !== false) addChannelsRoute(scope, createChannelHost({ ...options, channels: options.channels }, { shared, feeds, gate, authorize, handlers, instanceId }))
  }, { prefix: options.prefix })

  app.decorate('realtime', createRealtime({ shared, feeds, gate, addRoute, handlers }))
}

/** The state: one of each, shared by every connection. */
function createShared (app: FastifyInstance, options: ResolvedOptions, isReused: boolean): { shared: Shared, feeds: Feeds } {
  const { limits, flush, compression, heartbeat, closeTimeout, channels } = options
  const registry = new Registry<FastifyBaseLogger>()
  const feeds: Feeds = new Feeds({
    backplane: options.backplane,
    historyOf: channel => channels === false ? undefined : optionsOf(channel, channels).history,
    deliver: (feed, publication) => deliverPublication(hub, feed, publication),
    lost: channel => hub.lost(channel),
    onChange: error => error === undefined ? app.log.info('backplane is back') : app.log.error({ err: error }, 'backplane is away')
  })
  const hub: Hub<FastifyBaseLogger> = new Hub({
    registry,
    outbox: new Outbox({ ...flush, threshold: compression === false ? Infinity : compression.threshold }),
    upstream: feeds,
    ...limits,
    onSlow: connection => connection.log.warn({ bufferedAmount: connection.bufferedAmount, policy: limits.slowConsumer }, 'slow consumer')
  })
  const quickest = channels === false ? Infinity : channels.ping
  const shared: Shared = {
    registry,
    hub,
    heartbeat: heartbeat === false ? undefined : new Heartbeat(heartbeat, undefined, quickest),
    expiry: new Expiry<AppConnection>(connection => connection.end(CloseCode.CredentialsExpired, 'expiry')),
    closing: new Expiry<{ terminate (): void }>(leaver => leaver.terminate()),
    strangers: new Set(),
    closeTimeout,
    messageRate: limits.messageRate,
    counts: { opened: 0, heartbeatTimeouts: 0, handlerErrors: 0 },
    // Twice: a channel client may take as long again to bring its token.
    revocations: new Revocations(2 * limits.handshakeTimeout),
    finishing: new Set(),
    isClosing: false,
    canInflate: () => false,
    onAccepted (socket) {
      // A preClose of @fastify/websocket that runs before ours closes whoever it knows, without a code.
      if (isReused) app.websocketServer.clients?.delete(socket)
    }
  }
  return { shared, feeds }
}

export const realtime = fp(plugin, { fastify: '5.x', name: 'fastify-realtime' })
