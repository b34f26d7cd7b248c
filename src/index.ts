import './augment.ts'

export { realtime, realtime as default } from './plugin.ts'
export { CloseCode } from './close-codes.ts'
export * from './errors.ts'
export type {
  Connection, ConnectionRegistry, MessageOf, PublishResult, Realtime, RealtimeStats, RouteHandlers, RouteOptions
} from './api.ts'
export type { AuthOptions, ChannelAction, RealtimeOptions, TokenSource } from './options.ts'
export type { Principal } from './core/principal.ts'
