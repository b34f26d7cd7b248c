import { type Static, Type } from '@sinclair/typebox'
import type { HistoryOptions } from './backplane/backplane.ts'
import { MAX_CHANNEL_LENGTH } from './core/channel-name.ts'
import { InvalidOptionError } from './errors.ts'

/** The route `{prefix}/channels`. */
export interface ChannelsOptions {
  /**
   * What channels there are, by the part of their name before the first ':' ('' for a name without one). A client that asks for
   * another gets error 102. @default every channel exists, with `defaults`
   */
  readonly namespaces?: Readonly<Record<string, ChannelOptions>>
  /** For every channel that no namespace says anything about. @default nothing is on */
  readonly defaults?: ChannelOptions
  /** Beyond it, error 106. Minimum 1. @default 128 */
  readonly maxChannelsPerConnection?: number
  /** Characters of a channel's name; beyond it, error 107. Minimum 1, maximum 255. @default 255 */
  readonly maxChannelLength?: number
  /** A client is pinged this often, and told so, in whole seconds, in the connect reply. ms, minimum 10. @default 25_000 */
  readonly ping?: number
}

/** What the channels of a namespace can do. */
export interface ChannelOptions {
  /** The last `size` publications are kept until `ttl` ms after the last one. @default none */
  readonly history?: { readonly size: number, readonly ttl: number }
  /** Clients that come back get what they have missed. Needs `history`. @default true where there is history */
  readonly recovery?: boolean
  /** `'stream'` recovers every publication; `'cache'` gives the latest to every new subscriber. `'cache'` needs `history`. @default 'stream' */
  readonly mode?: 'stream' | 'cache'
  /** Who is there can be asked for. @default false */
  readonly presence?: boolean
  /** Subscribers that ask for it hear of others who join and leave. It costs the square of their number. @default false */
  readonly joinLeave?: boolean
}

export interface ResolvedChannelOptions {
  readonly history: HistoryOptions | undefined
  readonly recovery: boolean
  readonly mode: 'stream' | 'cache'
  readonly presence: boolean
  readonly joinLeave: boolean
}

export interface ResolvedChannels {
  readonly namespaces: ReadonlyMap<string, ResolvedChannelOptions> | undefined
  readonly defaults: ResolvedChannelOptions
  readonly maxChannelsPerConnection: number
  readonly maxChannelLength: number
  readonly ping: number
}

const strict = { additionalProperties: false }
const MAX_TIMER = 2 ** 31 - 1 // ms

const ChannelOptionsSchema = Type.Object({
  history: Type.Optional(Type.Object({ size: Type.Integer({ minimum: 1 }), ttl: Type.Integer({ minimum: 1 }) }, strict)),
  recovery: Type.Optional(Type.Boolean()),
  mode: Type.Optional(Type.Union([Type.Literal('stream'), Type.Literal('cache')])),
  presence: Type.Optional(Type.Boolean()),
  joinLeave: Type.Optional(Type.Boolean())
}, strict)

export const ChannelsOptionsSchema = Type.Object({
  namespaces: Type.Optional(Type.Record(Type.String(), ChannelOptionsSchema)),
  defaults: Type.Optional(ChannelOptionsSchema),
  maxChannelsPerConnection: Type.Optional(Type.Integer({ minimum: 1 })),
  maxChannelLength: Type.Optional(Type.Integer({ minimum: 1, maximum: MAX_CHANNEL_LENGTH })),
  ping: Type.Optional(Type.Integer({ minimum: 10, maximum: MAX_TIMER }))
}, strict)

export type ChannelsOptionsFromSchema = Static<typeof ChannelsOptionsSchema>

/** @throws FST_RT_INVALID_OPTION for what needs a history and has none, and for a namespace that no channel is in */
export function resolveChannels (options: ChannelsOptions): ResolvedChannels {
  const { namespaces, defaults = {}, maxChannelsPerConnection = 128, maxChannelLength = MAX_CHANNEL_LENGTH, ping = 25_000 } = options
  for (const name of Object.keys(namespaces ?? {})) {
    if (name.includes(':')) throw new InvalidOptionError(`channels.namespaces.${name}`, "a namespace is the part of a channel's name before the first ':'")
  }
  return Object.freeze({
    namespaces: namespaces && new Map(Object.entries(namespaces).map(([name, options]) => [name, resolveChannel(options, `channels.namespaces.${name}`)])),
    defaults: resolveChannel(defaults, 'channels.defaults'),
    maxChannelsPerConnection,
    maxChannelLength,
    ping
  })
}

/** The part of a channel's name that says what it can do. */
export function namespaceOf (channel: string): string {
  const end = channel.indexOf(':')
  return end < 0 ? '' : channel.slice(0, end)
}

/** What a channel can do, on whatever way one comes to it. */
export function optionsOf (channel: string, { namespaces, defaults }: ResolvedChannels): ResolvedChannelOptions {
  return namespaces?.get(namespaceOf(channel)) ?? defaults
}

function resolveChannel ({ history, recovery = history !== undefined, mode = 'stream', presence = false, joinLeave = false }: ChannelOptions, path: string): ResolvedChannelOptions {
  if (recovery && history === undefined) throw new InvalidOptionError(`${path}.recovery`, 'needs history, got true without it')
  if (mode === 'cache' && history === undefined) throw new InvalidOptionError(`${path}.mode`, "'cache' needs history, got none")
  return Object.freeze({ history: history && Object.freeze({ ...history }), recovery, mode, presence, joinLeave })
}
