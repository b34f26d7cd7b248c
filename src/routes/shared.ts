import type { IncomingMessage } from 'node:http'
import type { FastifyBaseLogger } from 'fastify'
import type { RawData, WebSocket } from 'ws'
import type { LiveConnection } from '../core/connection.ts'
import type { Expiry } from '../core/expiry.ts'
import type { Heartbeat } from '../core/heartbeat.ts'
import type { Hub } from '../core/hub.ts'
import type { Registry } from '../core/registry.ts'
import type { Revocations } from '../handshake/revocations.ts'
import type { ResolvedMessageRate } from '../options.ts'

export type AppConnection = LiveConnection<FastifyBaseLogger>

/** What all connections share. */
export interface Shared {
  readonly hub: Hub<FastifyBaseLogger>
  readonly registry: Registry<FastifyBaseLogger>
  readonly heartbeat: Heartbeat | undefined
  /** Ends connections with their credentials. */
  readonly expiry: Expiry<AppConnection>
  /** Drops those whose closing handshake takes longer than `closeTimeout`. */
  readonly closing: Expiry<AppConnection>
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

/** Whoever serves a connection hears of its messages and of its end. */
export interface Server {
  open (): void
  onMessage (data: RawData, isBinary: boolean): void
  onEnd (code: number, reason: string): void
}
