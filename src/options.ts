import { type Static, Type } from '@sinclair/typebox'
import type { FastifyRequest } from 'fastify'
import type { Backplane } from './backplane/backplane.ts'
import { type ChannelsOptions, ChannelsOptionsSchema } from './channel-options.ts'
import type { Principal } from './core/principal.ts'

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
  /** The route `{prefix}/channels`, which speaks the Centrifuge protocol; `false` leaves it out. @default true */
  readonly channels?: boolean | ChannelsOptions
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
  /** What carries publications between instances and keeps history. It is started, and closed with the application. @default in memory */
  readonly backplane?: Backplane
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
  /**
   * Last word on a channel operation; replaces the check of `permissions`. A subscription may be granted for a time. `token` is
   * the subscription token of a channel client, if it sent one.
   */
  authorize? (principal: Principal, action: ChannelAction, channel: string, context: { token?: string }): boolean | Grant | Promise<boolean | Grant>
}

/** A yes with conditions. */
export interface Grant {
  /** Epoch ms at which the subscription ends, unless the client refreshes it. @default never */
  readonly expiresAt?: number
  /** JSON, shown to others in presence as `chan_info`. */
  readonly info?: unknown
}

const MAX_TIMER = 2 ** 31 - 1 // ms; Node runs a longer timer at once
const strict = { additionalProperties: false }
const duration = (minimum: number) => Type.Integer({ minimum, maximum: MAX_TIMER })
/** A whole number, or no bound at all. */
const places = Type.Unsafe<number>(Type.Union([Type.Integer({ minimum: 1 }), Type.Literal(Infinity)], { description: 'a whole number from 1 on, or Infinity' }))
const anObjectOrBoolean = { description: 'an object, or a boolean' }
/** Any scheme: not only pages of the web have an origin. */
const Origin = Type.String({ pattern: '^([a-z][a-z0-9+.-]*://[^/]+|null)$', description: "an origin as browsers send it, such as 'https://example.com'" })
const callback = <F>() => Type.Unsafe<F>(Type.Function([], Type.Unknown()))

export const PrincipalSchema = Type.Object({
  id: Type.String({ minLength: 1 }),
  permissions: Type.Readonly(Type.Array(Type.String())),
  expiresAt: Type.Optional(Type.Number()),
  info: Type.Optional(Type.Unknown())
})

/** What `app.realtime.route()` is given. */
export const RouteOptionsSchema = Type.Object({
  url: Type.String({ pattern: '^/', description: "a path that begins with '/'" }),
  permission: Type.Optional(Type.String({ minLength: 1 })),
  message: Type.Optional(Type.Unknown()),
  preHandler: Type.Optional(Type.Unknown())
}, strict)

/** Its handlers; an instance of a class has more than these. */
export const RouteHandlersSchema = Type.Object({
  open: Type.Optional(callback()),
  message: Type.Optional(callback()),
  close: Type.Optional(callback())
})

/** What `app.realtime.rpc()` is given. */
export const RpcOptionsSchema = Type.Object({
  params: Type.Optional(Type.Unknown()),
  permission: Type.Optional(Type.String({ minLength: 1 }))
}, strict)

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
  prefix: Type.Optional(Type.String({ pattern: '^(/[^/?#*\\s]+)*$', description: "a path that begins with '/' and does not end with one" })),
  auth: Type.Union([AuthSchema, Type.Literal(false)], { description: 'an object with authenticate, or false' }),
  echo: Type.Optional(Type.Union([
    Type.Object({ prefix: Type.Optional(Type.String()) }, strict),
    Type.Boolean()
  ], anObjectOrBoolean)),
  broadcast: Type.Optional(Type.Boolean()),
  channels: Type.Optional(Type.Union([ChannelsOptionsSchema, Type.Boolean()], anObjectOrBoolean)),
  heartbeat: Type.Optional(Type.Union([
    Type.Object({ interval: Type.Optional(duration(10)), timeout: Type.Optional(duration(10)) }, strict),
    Type.Boolean()
  ], anObjectOrBoolean)),
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
    ], { description: 'an object, or false' })),
    handshakeTimeout: Type.Optional(duration(1))
  }, strict)),
  allowedOrigins: Type.Optional(Type.Union([
    Type.Literal('same-origin'),
    Type.Literal('*'),
    Type.Readonly(Type.Array(Origin)),
    callback<(origin: string, request: FastifyRequest) => boolean>()
  ], { description: "'same-origin', '*', a list of origins, or a function" })),
  compression: Type.Optional(Type.Union([Type.Object({ threshold: Type.Optional(Type.Integer({ minimum: 0 })) }, strict), Type.Boolean()], anObjectOrBoolean)),
  flush: Type.Optional(Type.Object({ delay: Type.Optional(duration(0)) }, strict)),
  closeTimeout: Type.Optional(duration(0)),
  backplane: Type.Optional(Type.Unsafe<Backplane>(Type.Object({})))
}, strict)

export type RealtimeOptionsFromSchema = Static<typeof RealtimeOptionsSchema>
