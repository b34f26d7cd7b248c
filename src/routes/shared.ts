import type { IncomingMessage } from 'node:http'
import type { FastifyBaseLogger } from 'fastify'
import type { RawData, WebSocket } from 'ws'
import type { LiveConnection } from '../core/connection.ts'
import type { Expiry } from '../core/expiry.ts'
import type { Heartbeat, HeartbeatOptions } from '../core/heartbeat.ts'
import type { Hub } from '../core/hub.ts'
import type { Registry } from '../core/registry.ts'
import type { Revocations } from '../handshake/revocations.ts'
import type { ResolvedMessageRate } from '../resolve-options.ts'

export type AppConnection = LiveConnection<FastifyBaseLogger>

/** What all connections share. */
export interface Shared {
  readonly hub: Hub<FastifyBaseLogger>
  readonly registry: Registry<FastifyBaseLogger>
  readonly heartbeat: Heartbeat | undefined
  /** Ends connections with their credentials. */
  readonly expiry: Expiry<AppConnection>
  /** Drops those whose closing handshake takes longer than `closeTimeout`. */
  readonly closing: Expiry<{ terminate (): void }>
  /** Open sockets that are no connections yet. */
  readonly strangers: Set<Stranger>
  readonly closeTimeout: number
  readonly messageRate: ResolvedMessageRate | false
  readonly counts: { opened: number, heartbeatTimeouts: number, handlerErrors: number }
  readonly revocations: Revocations
  /** Handlers of `close` that are still running; the application's own closing waits for them. */
  readonly finishing: Set<Promise<void>>
  isClosing: boolean
  /** Whether the peer understands messages that are compressed once for all. */
  canInflate: (request: IncomingMessage) => boolean
  /** Told of every socket that has become a connection. */
  onAccepted (socket: WebSocket): void
}

/** An open socket of which nobody knows yet whose it is. It leaves the set of strangers when its socket is gone. */
export interface Stranger {
  /** Resolves when its socket is gone. */
  shutDown (): Promise<void>
  terminate (): void
}

/** Whoever serves a connection hears of its messages and of its end. */
export interface Server {
  /** When its client is pinged, if that is not as everybody else's is. */
  readonly rhythm?: HeartbeatOptions | undefined
  /** How long the connection outlives its credentials, ms. @default not at all */
  readonly grace?: number
  /** Whether a message is but the answer to a ping. */
  isPong? (data: RawData): boolean
  open (): void
  onMessage (data: RawData, isBinary: boolean): void
  onEnd (code: number, reason: string): void
}
