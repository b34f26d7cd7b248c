import { assertChannelName } from './channel-name.ts'
import { type ConnectionHost, type LiveConnection, noTraffic } from './connection.ts'
import { type Frame, frameOf, frameOfAny } from './frame.ts'
import type { Outbox } from './outbox.ts'
import type { Registry } from './registry.ts'

export interface HubOptions<Log> {
  readonly registry: Registry<Log>
  readonly outbox: Outbox
  readonly maxBuffered: number
  readonly slowConsumer: 'close' | 'drop'
  /** Told when a connection falls behind its bound. */
  readonly onSlow: (connection: LiveConnection<Log>) => void
}

/** Publishes to channels, broadcasts to everybody, and counts what went through. */
export class Hub<Log = unknown> implements ConnectionHost {
  readonly maxBuffered: number
  readonly slowConsumer: 'close' | 'drop'
  readonly totals = noTraffic()
  readonly outbox: Outbox
  /** How often a connection began to fall behind `maxBuffered`. */
  slowConsumers = 0
  readonly #registry: Registry<Log>
  readonly #onSlow: (connection: LiveConnection<Log>) => void

  constructor ({ registry, outbox, maxBuffered, slowConsumer, onSlow }: HubOptions<Log>) {
    this.#registry = registry
    this.outbox = outbox
    this.maxBuffered = maxBuffered
    this.slowConsumer = slowConsumer
    this.#onSlow = onSlow
  }

  join (connection: LiveConnection<Log>, channel: string): void {
    assertChannelName(channel)
    this.#registry.join(connection, channel)
  }

  leave (connection: LiveConnection<Log>, channel: string): void {
    this.#registry.leave(connection, channel)
  }

  slow (connection: LiveConnection<Log>): void {
    this.slowConsumers++
    this.#onSlow(connection)
  }

  /**
   * To every subscriber of a channel but the one whose connection id is `except`. Returns how many it was handed to.
   * @throws FST_RT_INVALID_CHANNEL, FST_RT_INVALID_DATA
   */
  publish (channel: string, data: unknown, except?: string): number {
    assertChannelName(channel)
    return this.deliver(channel, frameOfAny(data), except)
  }

  /** The local half of `publish`: to the subscribers of this instance. */
  deliver (channel: string, frame: Frame, except?: string): number {
    const sender = except === undefined ? undefined : this.#registry.get(except)
    let delivered = 0
    for (const connection of this.#registry.in(channel)) {
      if (connection !== sender && connection.deliver(frame)) delivered++
    }
    return this.#counted(delivered, frame)
  }

  /** To every connection, or to those of one route. Returns how many it was handed to. */
  broadcast (data: string | Uint8Array, { except, route }: { except?: { readonly id: string }, route?: string } = {}): number {
    const frame = frameOf(data)
    let delivered = 0
    for (const connection of this.#registry) {
      if (connection.id === except?.id || (route !== undefined && connection.route !== route)) continue
      if (connection.deliver(frame)) delivered++
    }
    return this.#counted(delivered, frame)
  }

  #counted (delivered: number, frame: Frame): number {
    this.totals.messagesOut += delivered
    this.totals.bytesOut += delivered * frame.payloadLength
    return delivered
  }
}
