import { inspect } from 'node:util'
import type { Backplane } from './backplane/backplane.ts'
import { memoryBackplane } from './backplane/memory.ts'
import { type ResolvedChannels, resolveChannels } from './channel-options.ts'
import { checkOptions } from './check-options.ts'
import type { MessageRate } from './core/token-bucket.ts'
import { freezePrincipal, type Principal } from './core/principal.ts'
import { InvalidOptionError } from './errors.ts'
import { type AuthOptions, type RealtimeOptions, RealtimeOptionsSchema, type TokenSource } from './options.ts'

/** The options with every default filled in, frozen: nobody below asks whether one was given. */
export interface ResolvedOptions {
  readonly prefix: string
  readonly auth: ResolvedAuth
  readonly echo: { readonly prefix: string } | false
  readonly broadcast: boolean
  readonly channels: ResolvedChannels | false
  readonly heartbeat: { readonly interval: number, readonly timeout: number } | false
  readonly limits: Omit<Required<NonNullable<RealtimeOptions['limits']>>, 'messageRate'> & { readonly messageRate: ResolvedMessageRate | false }
  readonly allowedOrigins: NonNullable<RealtimeOptions['allowedOrigins']>
  readonly compression: { readonly threshold: number } | false
  readonly flush: { readonly delay: number }
  readonly closeTimeout: number
  readonly backplane: Backplane
}

export type ResolvedMessageRate = MessageRate & { readonly onExceed: 'pause' | 'close' }

export interface ResolvedAuth {
  readonly authenticate: AuthOptions['authenticate']
  readonly tokenFrom: readonly TokenSource[]
  readonly cookieName: string
  readonly queryName: string
  readonly anonymous: Principal | undefined
  readonly authorize: NonNullable<AuthOptions['authorize']> | undefined
}

/** With `auth: false` everybody is this principal. */
const EVERYBODY: Principal = Object.freeze({ id: 'anonymous', permissions: Object.freeze(['*']) })

/**
 * Checks the options and fills in the defaults.
 * @throws FST_RT_INVALID_OPTION naming the path and the value of the first that is wrong
 */
export function resolveOptions (options: RealtimeOptions): ResolvedOptions {
  checkOptions(RealtimeOptionsSchema, options)
  const { prefix = '/ws', echo = true, broadcast = true, channels = true, heartbeat = true, limits = {}, allowedOrigins = 'same-origin', compression = false, flush = {}, closeTimeout = 5_000 } = options
  // An instance of a class has its methods from its prototype, where a schema does not look.
  if (options.backplane !== undefined && typeof options.backplane.start !== 'function') {
    throw new InvalidOptionError('backplane', `Expected a Backplane, got ${inspect(options.backplane, { depth: 0 })}`)
  }
  const beat = typeof heartbeat === 'object' ? heartbeat : {}
  return Object.freeze({
    prefix,
    auth: Object.freeze(resolveAuth(options.auth)),
    echo: echo === false ? false : Object.freeze({ prefix: echo === true ? '' : echo.prefix ?? '' }),
    broadcast,
    channels: channels === false ? false : resolveChannels(channels === true ? {} : channels),
    heartbeat: heartbeat === false ? false : Object.freeze({ interval: beat.interval ?? 10_000, timeout: beat.timeout ?? 5_000 }),
    limits: Object.freeze({
      maxPayload: limits.maxPayload ?? 65_536,
      maxBuffered: limits.maxBuffered ?? 1_048_576,
      slowConsumer: limits.slowConsumer ?? 'close',
      maxConnections: limits.maxConnections ?? Infinity,
      maxConnectionsPerPrincipal: limits.maxConnectionsPerPrincipal ?? Infinity,
      maxConnectionsPerIp: limits.maxConnectionsPerIp ?? Infinity,
      messageRate: limits.messageRate ? Object.freeze({ burst: limits.messageRate.messages, ...limits.messageRate }) : false,
      handshakeTimeout: limits.handshakeTimeout ?? 10_000
    }),
    allowedOrigins: typeof allowedOrigins === 'object' ? Object.freeze([...allowedOrigins]) : allowedOrigins,
    compression: compression === false ? false : Object.freeze({ threshold: compression === true ? 256 : compression.threshold ?? 256 }),
    flush: Object.freeze({ delay: flush.delay ?? 0 }),
    closeTimeout,
    backplane: options.backplane ?? memoryBackplane()
  })
}

function resolveAuth (auth: RealtimeOptions['auth']): ResolvedAuth {
  const { authenticate, tokenFrom, cookieName, queryName, anonymous, authorize } = auth === false
    ? { authenticate: () => EVERYBODY, tokenFrom: [], anonymous: EVERYBODY } satisfies AuthOptions as AuthOptions
    : auth
  const sources: readonly TokenSource[] = tokenFrom ?? ['header', 'subprotocol']
  if (sources.includes('cookie') && cookieName === undefined) {
    throw new InvalidOptionError('auth.cookieName', "is required when auth.tokenFrom has 'cookie', got undefined")
  }
  return {
    // Bound to the object they came in, which may well be an instance with state.
    authenticate: authenticate.bind(auth),
    tokenFrom: Object.freeze([...sources]),
    cookieName: cookieName ?? '',
    queryName: queryName ?? 'token',
    anonymous: anonymous && freezePrincipal(anonymous),
    authorize: authorize?.bind(auth)
  }
}
