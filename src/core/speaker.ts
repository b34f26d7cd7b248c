import type { Frame } from './frame.ts'

/** Who or what ended a connection; the log line of its end says it. */
export type EndedBy = 'client' | 'server' | 'shutdown' | 'heartbeat' | 'slow consumer' | 'handler error' |
  'protocol error' | 'message rate' | 'expiry' | 'disconnect'

/**
 * Who does for a connection what a protocol of its own does differently from plain messages: how a message looks, what a
 * subscription is, and how one says goodbye.
 */
export interface Speaker {
  /** The handshake of the protocol is over. */
  readonly isConnected: boolean
  readonly ping: Frame
  /** @throws FST_RT_INVALID_DATA for what the protocol cannot carry */
  frameOf (data: string | Uint8Array): Frame
  /** Takes a frame that is sent before the handshake of the protocol is over: it goes out behind it. */
  defer (frame: Frame): void
  farewell (code: number, endedBy: EndedBy, reason: string | undefined): { code: number, reason: string }
  subscribe (channel: string): Promise<void>
  unsubscribe (channel: string): Promise<void>
  /** Publications of a channel are missing. */
  lost (channel: string): void
  /** There was a publication that the protocol cannot carry. */
  unfit (): void
}
