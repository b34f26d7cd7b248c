import { inspect } from 'node:util'
import { type Static, type TSchema, Type } from '@sinclair/typebox'
import { Value, type ValueError } from '@sinclair/typebox/value'
import type { FastifyRequest } from 'fastify'
import type { MessageRate } from './core/token-bucket.ts'
import { freezePrincipal, type Principal } from './core/principal.ts'
import { InvalidOptionError } from './errors.ts'

/** Options of `app.register(realtime, options)`. Durations are in ms, sizes in bytes. */
export interface RealtimeOptions {
  /** Where the routes are. @default '/ws' */
  readonly prefix?: string
  /** Who gets in; `false` lets everybody in, with every permission. */
  readonly auth: AuthOptions | false
  /** The route `{prefix}/echo`; `false` leaves it out, `prefix` is put before a text reply. @default true */
  readonly echo?: boolean | { readonly prefix?: string }
  /** The route `{prefix}/broadcast`; `false` leaves it out. @default true */
  readonly broadcast?: boolean
  /** `false` turns it off. @default { interval: 10_000, timeout: 5_000 } */
  readonly heartbeat?: boolean | {
    /** A peer silent this long is pinged. Minimum 10. @default 10_000 */
    readonly interval?: number
    /** A pinged peer silent this long is dropped. Minimum 10. @default 5_000 */
    readonly timeout?: number
  }
  readonly limits?: {
    /** A larger message closes the connection with 1009. Minimum 1. @default 65_536 */
    readonly maxPayload?: number
    /** Unsent bytes of one connection; beyond it the slow-consumer policy acts. Minimum 1. @default 1_048_576 */
    readonly maxBuffered?: number
    /** `'close'` ends a slow consumer with 1013; `'drop'` skips messages until it has caught up. @default 'close' */
    readonly slowConsumer?: 'close' | 'drop'
    /** Connections and handshakes of this instance; beyond, 503 with Retry-After. Minimum 1. @default Infinity */
    readonly maxConnections?: number
    /** The same for one principal; beyond, 429. Minimum 1. @default Infinity */
    readonly maxConnectionsPerPrincipal?: number
    /** The same for one address, before authentication; `request.ip`, so `trustProxy` counts. Minimum 1. @default Infinity */
    readonly maxConnectionsPerIp?: number
    /**
     * At most `messages` in `per` ms, `burst` at once (default: `messages`). `'pause'` stops reading from whoever sends
     * more, so that TCP holds it back; `'close'` ends it with 4429. @default false
     */
    readonly messageRate?: false | { readonly messages: number, readonly per: number, readonly burst?: number, readonly onExceed: 'pause' | 'close' }
    /** From the upgrade request to an accepted, authenticated connection. Minimum 1. @default 10_000 */
    readonly handshakeTimeout?: number
  }
  /**
   * Which pages may connect, by the Origin header: `'same-origin'` compares its host and port with the request's, `'*'` is
   * all, a list is exact. Whoever sends no Origin is not a browser, and may. @default 'same-origin'
   */
  readonly allowedOrigins?: 'same-origin' | '*' | readonly string[] | ((origin: string, request: FastifyRequest) => boolean)
  /**
   * permessage-deflate for clients that offer it, without context takeover: a publication is compressed once. `threshold`
   * is the size from which a message is compressed, bytes. Minimum 0. @default false; threshold 256
   */
  readonly compression?: boolean | { readonly threshold?: number }
  /** How long to collect what is sent before it is written; 0 is to the end of the event loop's turn. @default { delay: 0 } */
  readonly flush?: { readonly delay?: number }
  /** `app.close()` says 1001 to everybody, and drops after this long what is left. Minimum 0. @default 5_000 */
  readonly closeTimeout?: number
}

export type TokenSource = 'header' | 'subprotocol' | 'cookie' | 'query'
export type ChannelAction = 'subscribe' | 'publish' | 'presence' | 'history'

export interface AuthOptions {
  /** `null` or a throw refuses with 401. Called in preHandler, before the upgrade. */
  authenticate (token: string, request: FastifyRequest): Principal | null | Promise<Principal | null>
  /** Where a token may come from, in order. @default ['header', 'subprotocol'] */
  readonly tokenFrom?: readonly TokenSource[]
  /** The cookie's name, required for `'cookie'`, which also needs @fastify/cookie. */
  readonly cookieName?: string
  /** The query parameter's name, for `'query'`. @default 'token' */
  readonly queryName?: string
  /** Who a connection without a token is. @default none: refused with 401 */
  readonly anonymous?: Principal
  /** Last word on a channel operation; replaces the check of `permissions`. */
  authorize? (principal: Principal, action: ChannelAction, channel: string, context: { token?: string }): boolean | Promise<boolean>
}

/** The options with every default filled in, frozen: nobody below asks whether one was given. */
export interface ResolvedOptions {
  readonly prefix: string
  readonly auth: ResolvedAuth
  readonly echo: { readonly prefix: string } | false
  readonly broadcast: boolean
  readonly heartbeat: { readonly interval: number, readonly timeout: number } | false
  readonly limits: Omit<Required<NonNullable<RealtimeOptions['limits']>>, 'messageRate'> & { readonly messageRate: ResolvedMessageRate | false }
  readonly allowedOrigins: NonNullable<RealtimeOptions['allowedOrigins']>
  readonly compression: { readonly threshold: number } | false
  readonly flush: { readonly delay: number }
  readonly closeTimeout: number
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

const MAX_TIMER = 2 ** 31 - 1 // ms; Node runs a longer timer at once
const strict = { additionalProperties: false }
const duration = (minimum: number) => Type.Integer({ minimum, maximum: MAX_TIMER })
/** A whole number, or no bound at all. */
const places = Type.Unsafe<number>(Type.Union([Type.Integer({ minimum: 1 }), Type.Literal(Infinity)]))
const callback = <F>() => Type.Unsafe<F>(Type.Function([], Type.Unknown()))

export const PrincipalSchema = Type.Object({
  id: Type.String({ minLength: 1 }),
  permissions: Type.Readonly(Type.Array(Type.String())),
  expiresAt: Type.Optional(Type.Number()),
  info: Type.Optional(Type.Unknown())
})

const AuthSchema = Type.Object({
  authenticate: callback<AuthOptions['authenticate']>(),
  tokenFrom: Type.Optional(Type.Array(Type.Union([
    Type.Literal('header'), Type.Literal('subprotocol'), Type.Literal('cookie'), Type.Literal('query')
  ]), { minItems: 1 })),
  cookieName: Type.Optional(Type.String({ minLength: 1 })),
  queryName: Type.Optional(Type.String({ minLength: 1 })),
  anonymous: Type.Optional(PrincipalSchema),
  authorize: Type.Optional(callback<NonNullable<AuthOptions['authorize']>>())
}, strict)

/** The schema of the options; a type test keeps it equal to `RealtimeOptions`, and a test keeps the README equal to it. */
export const RealtimeOptionsSchema = Type.Object({
  prefix: Type.Optional(Type.String({ pattern: '^(/[^/?#*\\s]+)*$' })),
  auth: Type.Union([AuthSchema, Type.Literal(false)]),
  echo: Type.Optional(Type.Union([
    Type.Object({ prefix: Type.Optional(Type.String()) }, strict),
    Type.Boolean()
  ])),
  broadcast: Type.Optional(Type.Boolean()),
  heartbeat: Type.Optional(Type.Union([
    Type.Object({ interval: Type.Optional(duration(10)), timeout: Type.Optional(duration(10)) }, strict),
    Type.Boolean()
  ])),
  limits: Type.Optional(Type.Object({
    maxPayload: Type.Optional(Type.Integer({ minimum: 1, maximum: MAX_TIMER })),
    maxBuffered: Type.Optional(Type.Integer({ minimum: 1 })),
    slowConsumer: Type.Optional(Type.Union([Type.Literal('close'), Type.Literal('drop')])),
    maxConnections: Type.Optional(places),
    maxConnectionsPerPrincipal: Type.Optional(places),
    maxConnectionsPerIp: Type.Optional(places),
    messageRate: Type.Optional(Type.Union([
      Type.Object({
        messages: Type.Integer({ minimum: 1 }),
        per: duration(1),
        burst: Type.Optional(Type.Integer({ minimum: 1 })),
        onExceed: Type.Union([Type.Literal('pause'), Type.Literal('close')])
      }, strict),
      Type.Literal(false)
    ])),
    handshakeTimeout: Type.Optional(duration(1))
  }, strict)),
  allowedOrigins: Type.Optional(Type.Union([
    Type.Literal('same-origin'),
    Type.Literal('*'),
    Type.Readonly(Type.Array(Type.String())),
    callback<(origin: string, request: FastifyRequest) => boolean>()
  ])),
  compression: Type.Optional(Type.Union([Type.Object({ threshold: Type.Optional(Type.Integer({ minimum: 0 })) }, strict), Type.Boolean()])),
  flush: Type.Optional(Type.Object({ delay: Type.Optional(duration(0)) }, strict)),
  closeTimeout: Type.Optional(duration(0))
}, strict)

export type RealtimeOptionsFromSchema = Static<typeof RealtimeOptionsSchema>

/**
 * Checks the options and fills in the defaults.
 * @throws FST_RT_INVALID_OPTION naming the path and the value of the first that is wrong
 */
export function resolveOptions (options: RealtimeOptions): ResolvedOptions {
  const error = Value.Errors(RealtimeOptionsSchema as TSchema, options).First()
  if (error !== undefined) throw invalid(mostSpecific(error))
  const { prefix = '/ws', echo = true, broadcast = true, heartbeat = true, limits = {}, allowedOrigins = 'same-origin', compression = false, flush = {}, closeTimeout = 5_000 } = options
  const beat = typeof heartbeat === 'object' ? heartbeat : {}
  return Object.freeze({
    prefix,
    auth: Object.freeze(resolveAuth(options.auth)),
    echo: echo === false ? false : Object.freeze({ prefix: echo === true ? '' : echo.prefix ?? '' }),
    broadcast,
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
    closeTimeout
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

/** Of a union that nothing fits, the variant that came furthest says best what is wrong. */
function mostSpecific (error: ValueError): ValueError {
  let best = error
  for (const variant of error.errors) {
    const first = variant.First()
    if (first === undefined) continue
    const inner = mostSpecific(first)
    if (inner.path.length > best.path.length) best = inner
  }
  return best
}

function invalid ({ path, message, value, schema }: ValueError): Error {
  const name = path.slice(1).replaceAll('/', '.') || 'options'
  const choices = Array.isArray(schema.anyOf) && schema.anyOf.every(({ const: literal }) => literal !== undefined)
    ? ` (one of ${schema.anyOf.map(choice => inspect(choice.const)).join(', ')})`
    : ''
  if (value === undefined) return new InvalidOptionError(name, 'is required, got undefined')
  return new InvalidOptionError(name, `${message}${choices}, got ${inspect(value, { depth: 1, breakLength: Infinity })}`)
}
