import './augment.ts'

export { realtime, realtime as default } from './plugin.ts'
export { CloseCode } from './close-codes.ts'
export * from './errors.ts'
export { memoryBackplane } from './backplane/memory.ts'
export { RpcError } from './channels/codes.ts'
export type {
  Connection, ConnectionRegistry, MessageOf, ParamsOf, PublishResult, Realtime, RealtimeStats, RouteHandlers, RouteOptions, RpcOptions
} from './api.ts'
export type { ChannelOptions, ChannelsOptions } from './channel-options.ts'
export type { AuthOptions, ChannelAction, Grant, RealtimeOptions, TokenSource } from './options.ts'
export type * from './backplane/backplane.ts'
export type { Principal } from './core/principal.ts'
