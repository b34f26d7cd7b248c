// Checked by the compiler alone, never run: each of these stops compiling when the types say something else.
import { type Static, Type } from '@sinclair/typebox'
import Fastify, { type FastifyBaseLogger, type FastifyRequest, type preHandlerAsyncHookHandler } from 'fastify'
import type { WebSocket } from 'ws'
import {
  type AuthOptions, type ChannelAction, CloseCode, type Connection, type ConnectionRegistry, type MessageOf, type Principal,
  type PublishResult, type Realtime, realtime, type RealtimeOptions, type RouteHandlers, type TokenSource
} from '../../src/index.ts'
import type { RealtimeOptionsFromSchema } from '../../src/options.ts'

/** True only for the same type: `any` equals nothing but itself. */
type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true : false
type Expect<T extends true> = T

/** Without `readonly`, at every depth, and with intersections merged; functions stay as they are. */
type DeepWriteable<T> =
  T extends (...args: never) => unknown ? T
    : T extends readonly (infer Item)[] ? Array<DeepWriteable<Item>>
      : T extends object ? { -readonly [Key in keyof T]: DeepWriteable<T[Key]> }
        : T

export type Options = [
  // The schema that checks the options and the interface that describes them are two; they must not drift apart.
  Expect<Equal<DeepWriteable<RealtimeOptionsFromSchema>, DeepWriteable<RealtimeOptions>>>,
  Expect<Equal<TokenSource, 'header' | 'subprotocol' | 'cookie' | 'query'>>,
  Expect<Equal<ChannelAction, 'subscribe' | 'publish' | 'presence' | 'history'>>,
  Expect<Equal<ReturnType<AuthOptions['authenticate']>, Principal | null | Promise<Principal | null>>>
]

const app = Fastify()
const auth: AuthOptions = { authenticate: () => null }
const Move = Type.Object({ x: Type.Number(), label: Type.Optional(Type.String()) })

export async function acceptsItsOptionsOnly (): Promise<void> {
  await app.register(realtime, { auth })
  await app.register(realtime, { auth: false, prefix: '', echo: { prefix: '> ' }, broadcast: false, heartbeat: true, limits: { slowConsumer: 'drop' }, closeTimeout: 0 })

  // @ts-expect-error: there is no option of this name
  await app.register(realtime, { auth, hartbeat: false })
  // @ts-expect-error: nor one of this name further down
  await app.register(realtime, { auth, limits: { maxPayLoad: 1 } })
  // @ts-expect-error: nor one of this name in the heartbeat
  await app.register(realtime, { auth, heartbeat: { every: 1_000 } })
  // @ts-expect-error: there are two policies, and this is neither
  await app.register(realtime, { auth, limits: { slowConsumer: 'wait' } })
  // @ts-expect-error: there is no such place for a token
  await app.register(realtime, { auth: { ...auth, tokenFrom: ['body'] } })
  // @ts-expect-error: everybody gets in by `false`, never by default
  await app.register(realtime, {})
  // @ts-expect-error: nor by `true`, which would look like the opposite
  await app.register(realtime, { auth: true })
}

export type Decorations = [
  Expect<Equal<typeof app.realtime, Realtime>>,
  Expect<Equal<FastifyRequest['principal'], Principal | null>>
]

export function givesHandlersTheirMessage (): void {
  app.realtime.route({ url: '/raw' }, {
    message (connection, message, request) {
      return [connection, message, request] satisfies Same<[typeof connection, typeof message, typeof request], [Connection, string | Buffer, FastifyRequest]>
    }
  })
  app.realtime.route({ url: '/typed', permission: 'move', message: Move, preHandler: app.realtime.requires('move') }, {
    message (_connection, message) {
      return message satisfies Same<typeof message, { x: number, label?: string }>
    },
    async close (_connection, code, reason) {
      await Promise.resolve([code, reason] satisfies Same<[typeof code, typeof reason], [number, string]>)
    }
  })
  // @ts-expect-error: a route has no handler of this name
  app.realtime.route({ url: '/wrong' }, { onMessage () {} })
  // @ts-expect-error: a route has no option of this name
  app.realtime.route({ url: '/wrong', schema: Move }, {})
  // @ts-expect-error: a route has an url
  app.realtime.route({}, {})
}

/** B where it is the same type as A, else nothing. */
type Same<A, B> = Equal<A, B> extends true ? B : never

export type Messages = [
  Expect<Equal<MessageOf<undefined>, string | Buffer>>,
  Expect<Equal<MessageOf<typeof Move>, Static<typeof Move>>>,
  Expect<Equal<Parameters<NonNullable<RouteHandlers['message']>>, [connection: Connection, message: string | Buffer, request: FastifyRequest]>>
]

export type Connections = [
  Expect<Equal<Connection['log'], FastifyBaseLogger>>,
  Expect<Equal<Connection['principal'], Principal>>,
  Expect<Equal<Connection['latency'], number | undefined>>,
  Expect<Equal<Connection['channels'], ReadonlySet<string>>>,
  Expect<Equal<Connection['signal'], AbortSignal>>,
  Expect<Equal<Connection['send'], (data: string | Uint8Array) => boolean>>,
  Expect<Equal<ConnectionRegistry extends Iterable<infer Item> ? Item : never, Connection>>,
  Expect<Equal<ReturnType<ConnectionRegistry['get']>, Connection | undefined>>,
  Expect<Equal<ReturnType<ConnectionRegistry['ofPrincipal' | 'in']>, ReadonlySet<Connection>>>
]

export function forbidsWhatAConnectionDoesNotOffer (connection: Connection, registry: ConnectionRegistry): void {
  for (const one of registry) one satisfies Same<typeof one, Connection>
  // @ts-expect-error: who it belongs to does not change
  connection.principal = { id: 'mallory', permissions: ['*'] }
  // @ts-expect-error: and neither does what it may do
  connection.principal.permissions.push('*')
  // @ts-expect-error: subscribing is what adds a channel
  connection.channels.add('news')
  // @ts-expect-error: only text and bytes can be sent; JSON is for `publish`
  connection.send({ x: 1 })
  // @ts-expect-error: the sets of the registry are views
  registry.in('news').clear()
}

export type Methods = [
  Expect<Equal<Realtime['connections'], ConnectionRegistry>>,
  Expect<Equal<Realtime['accept'], (socket: WebSocket, request: FastifyRequest) => Connection>>,
  Expect<Equal<Realtime['requires'], (permission: string) => preHandlerAsyncHookHandler>>,
  Expect<Equal<Realtime['publish'], (channel: string, data: unknown, options?: { readonly except?: string }) => Promise<PublishResult>>>,
  Expect<Equal<Realtime['broadcast'], (data: string | Uint8Array, options?: { readonly except?: Connection | string, readonly route?: string }) => number>>,
  Expect<Equal<Realtime['disconnect'], (principalId: string, options?: { readonly code?: number, readonly reason?: string }) => Promise<void>>>,
  Expect<Equal<typeof CloseCode.GoingAway, 1001>>
]

export function typesTheSocketOfAPlainRoute (): void {
  app.get('/own', { websocket: true }, (socket, request) => {
    socket satisfies Same<typeof socket, WebSocket>
    request.principal satisfies Same<typeof request.principal, Principal | null>
    app.realtime.accept(socket, request) satisfies Connection
  })
}
