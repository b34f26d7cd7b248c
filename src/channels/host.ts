import type { FastifyBaseLogger } from 'fastify'
import type { Backplane } from '../backplane/backplane.ts'
import type { Feeds } from '../backplane/feeds.ts'
import type { ResolvedChannels } from '../channel-options.ts'
import { Expiry } from '../core/expiry.ts'
import type { HeartbeatOptions } from '../core/heartbeat.ts'
import type { Registry } from '../core/registry.ts'
import { Turnstile } from '../core/turnstile.ts'
import type { Gate } from '../handshake/auth-hook.ts'
import type { Authorize } from '../handshake/authorize.ts'
import type { ResolvedOptions } from '../resolve-options.ts'
import type { Shared } from '../routes/shared.ts'
import type { Handlers } from './handlers.ts'
import { Replays } from './replays.ts'

/** What all channel clients have in common. */
export interface ChannelHost {
  readonly shared: Shared
  readonly registry: Registry<FastifyBaseLogger>
  readonly feeds: Feeds
  readonly backplane: Backplane
  readonly gate: Gate
  readonly authorize: Authorize
  readonly options: ResolvedChannels
  readonly handlers: Handlers
  /** When clients are pinged; undefined if they are not. */
  readonly rhythm: HeartbeatOptions | undefined
  /** ms in which `connect` has to come. */
  readonly handshakeTimeout: number
  /** Bytes that one connection may have waiting: no reply is made larger than this. */
  readonly maxBuffered: number
  readonly instanceId: string
  readonly replays: Replays
  /** Large replies of one turn of the event loop, by their bytes. */
  readonly turnstile: Turnstile
  /** Ends what did not introduce itself in time. */
  readonly greetings: Expiry<{ stale (): void }>
  /** Ends subscriptions with what granted them. */
  readonly grants: Expiry<{ expire (): void }>
}

/** Bytes of replies that are made in one turn of the event loop: a few ms. */
const BYTES_PER_TURN = 524_288

/** How long a client may take to refresh what has expired, ms. */
export const REFRESH_GRACE = 25_000

/** Seconds until a moment, as the protocol tells them. */
export function secondsUntil (expiresAt: number): number {
  return Math.max(1, Math.ceil((expiresAt - Date.now()) / 1_000))
}

type Parts = Pick<ChannelHost, 'shared' | 'feeds' | 'gate' | 'authorize' | 'handlers' | 'instanceId'>

export function createChannelHost ({ channels, heartbeat, limits, backplane }: ResolvedOptions & { channels: ResolvedChannels }, parts: Parts): ChannelHost {
  return {
    ...parts,
    registry: parts.shared.registry,
    backplane,
    options: channels,
    rhythm: heartbeat === false ? undefined : { interval: channels.ping, timeout: Math.min(heartbeat.timeout, channels.ping), isSteady: true },
    handshakeTimeout: limits.handshakeTimeout,
    maxBuffered: limits.maxBuffered,
    replays: new Replays(),
    turnstile: new Turnstile(BYTES_PER_TURN),
    greetings: new Expiry(greeting => greeting.stale()),
    grants: new Expiry(subscription => subscription.expire())
  }
}
