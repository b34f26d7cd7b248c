import type { Static, TSchema } from '@sinclair/typebox'
import type { FastifyBaseLogger, FastifyRequest, preHandlerAsyncHookHandler } from 'fastify'
import type { WebSocket } from 'ws'
import type { Position } from './backplane/backplane.ts'
import type { Principal } from './core/principal.ts'

/** `app.realtime`. */
export interface Realtime {
  readonly connections: ConnectionRegistry
  /**
   * A WebSocket route of your own, under the prefix, with auth, registry, heartbeat and writer. Call it before the
   * application is ready.
   */
  route<M extends TSchema | undefined = undefined>(options: RouteOptions<M>, handlers: RouteHandlers<M>): void
  /**
   * To every subscriber of a channel. A string goes as text, bytes as binary, anything else as JSON text; to channel clients,
   * everything as JSON, and bytes not at all.
   * @param options.except id of a connection that does not get it
   * @throws FST_RT_INVALID_CHANNEL, FST_RT_INVALID_DATA (as a rejection)
   */
  publish (channel: string, data: unknown, options?: { readonly except?: string }): Promise<PublishResult>
  /**
   * To every connection of this instance, or of one route (`'echo'`, `'broadcast'`, `'channels'` or your url). A channel client
   * gets a string as a message; bytes it cannot be given.
   * @param options.except a connection that does not get it, or its id
   * @returns how many connections it was handed to
   */
  broadcast (data: string | Uint8Array, options?: { readonly except?: Connection | string, readonly route?: string }): number
  /**
   * Ends every connection of a principal. Nothing is delivered to them afterwards.
   * @param options.code 4403 unless given
   * @throws FST_RT_INVALID_CLOSE_CODE (as a rejection)
   */
  disconnect (principalId: string, options?: { readonly code?: number, readonly reason?: string }): Promise<void>
  /**
   * Takes the socket of a plain `{ websocket: true }` route into registry, heartbeat and writer. Call it before the
   * first `await` of the route's handler. Calling it again returns the same connection.
   * @throws FST_RT_NO_PRINCIPAL
   */
  accept (socket: WebSocket, request: FastifyRequest): Connection
  /** The preHandler of such routes: authenticates, then asks for the permission. */
  requires (permission: string): preHandlerAsyncHookHandler
  /**
   * A method that channel clients may call. What it returns is the reply, as JSON; an `RpcError` that it throws is told to the client,
   * anything else is logged and told as error 100. Several calls of a connection are handled in order.
   * @throws FST_RT_DUPLICATE_METHOD
   */
  rpc<P extends TSchema | undefined = undefined>(method: string, options: RpcOptions<P>, handler: (connection: Connection, params: ParamsOf<P>) => unknown): void
  /**
   * Called when a channel client has introduced itself, before the reply, which carries what it returns, and the channels that the
   * connection is subscribed to meanwhile. What it throws ends the connection with 3004.
   * @param handler gets the `data` that the client sent along; the last one that is given counts
   */
  onConnect (handler: (connection: Connection, data: unknown) => unknown): void
  /**
   * Called for what channel clients `send`. Without it, they may not. What it throws ends the connection with 3004.
   * @param handler the last one that is given counts
   */
  onMessage (handler: (connection: Connection, data: unknown) => void | Promise<void>): void
  stats (): RealtimeStats
}

/** Who is connected to this instance. Iterating yields every connection. A set is live while it has members: ask again, do not keep it. */
export interface ConnectionRegistry extends Iterable<Connection> {
  readonly size: number
  get (id: string): Connection | undefined
  ofPrincipal (id: string): ReadonlySet<Connection>
  in (channel: string): ReadonlySet<Connection>
}

export interface Connection {
  /** Random, 128 bits, URL-safe. */
  readonly id: string
  readonly principal: Principal
  /** `'echo'`, `'broadcast'`, `'channels'` or the url of your own route. */
  readonly route: string
  readonly remoteAddress: string | undefined
  /** Epoch ms. */
  readonly connectedAt: number
  /** Last ping to pong, ms; undefined before the first. */
  readonly latency: number | undefined
  /** Bytes sent and not yet taken by the operating system. */
  readonly bufferedAmount: number
  readonly channels: ReadonlySet<string>
  /** Aborted when the connection ends. */
  readonly signal: AbortSignal
  /** Child of the request's logger, with the connection's id. */
  readonly log: FastifyBaseLogger
  /**
   * A string as text, bytes as binary. The bytes must not be changed afterwards.
   * @returns false when the connection is not open, or the message was dropped for a slow consumer
   */
  send (data: string | Uint8Array): boolean
  /**
   * A channel client is told. Nobody asks for permissions: the server may.
   * @throws FST_RT_INVALID_CHANNEL (as a rejection)
   */
  subscribe (channel: string): Promise<void>
  unsubscribe (channel: string): Promise<void>
  /**
   * Closes politely, after what was sent before.
   * @param code 1000 unless given
   * @param reason cut to 123 bytes
   * @throws FST_RT_INVALID_CLOSE_CODE
   */
  close (code?: number, reason?: string): void
  /** Drops the connection: the client sees 1006. */
  terminate (): void
}

export interface RouteOptions<M extends TSchema | undefined = undefined> {
  /** Below the plugin's prefix. It is also the connection's `route`. */
  readonly url: string
  /** What a principal needs to get in. @default being authenticated is enough */
  readonly permission?: string
  /**
   * The schema of a message. With it, a message is JSON text that fits, and what does not fit is answered with an error
   * frame. @default none: `message` gets `string | Buffer` as it came
   */
  readonly message?: M
  /** Decisions of your own before the upgrade, after authentication. */
  readonly preHandler?: preHandlerAsyncHookHandler | readonly preHandlerAsyncHookHandler[]
}

/** What a message handler gets: the schema's type, or the raw message of a route without one. */
export type MessageOf<M extends TSchema | undefined> = M extends TSchema ? Static<M> : string | Buffer

/**
 * What throws or rejects here is logged, closes that connection with 1011, and harms nobody else.
 */
export interface RouteHandlers<M extends TSchema | undefined = undefined> {
  /** Messages wait until it has finished. */
  open?: (connection: Connection, request: FastifyRequest) => void | Promise<void>
  /**
   * Called for one message at a time, in order. What it returns is the reply: a string as text, bytes as binary,
   * anything else as JSON text, `undefined` for none.
   */
  message?: (connection: Connection, message: MessageOf<M>, request: FastifyRequest) => unknown
  /** Called once, after the last message was handled. */
  close?: (connection: Connection, code: number, reason: string) => void | Promise<void>
}

export interface PublishResult {
  /** To how many connections of this instance it has been handed, as far as that is known at once: in memory, always. */
  readonly delivered: number
  /** Where it is in the channel's history; absent if it has none. */
  readonly position?: Position
}

export interface RpcOptions<P extends TSchema | undefined = undefined> {
  /** The schema of the params; what does not fit is answered with error 107. @default anything */
  readonly params?: P
  /** What a principal needs to call it; else, error 103. @default being connected is enough */
  readonly permission?: string
}

/** What a method is called with: the schema's type, or whatever the client sent. */
export type ParamsOf<P extends TSchema | undefined> = P extends TSchema ? Static<P> : unknown

/** Since the plugin was registered, but for the first two, which are now. */
export interface RealtimeStats {
  readonly connections: number
  /** Channels with at least one subscriber. */
  readonly channels: number
  readonly opened: number
  readonly messagesIn: number
  readonly messagesOut: number
  readonly bytesIn: number
  readonly bytesOut: number
  /** Messages not sent to slow consumers (policy `'drop'`). */
  readonly dropped: number
  /** How often a connection fell behind `limits.maxBuffered`. */
  readonly slowConsumers: number
  /** Connections that did not answer the heartbeat. */
  readonly heartbeatTimeouts: number
  readonly handlerErrors: number
  /** How often publications of a channel with history did not arrive, and had to be read again. */
  readonly gaps: number
}
