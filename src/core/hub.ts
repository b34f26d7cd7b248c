import { assertChannelName } from './channel-name.ts'
import { type ConnectionHost, type LiveConnection, noTraffic } from './connection.ts'
import { type Frame, frameOf } from './frame.ts'
import type { Outbox } from './outbox.ts'
import { type Form, FORMS, type Registry } from './registry.ts'

/** Where publications come from: a channel flows to this instance as long as somebody here holds it. */
export interface Upstream {
  /** Resolves when publications of the channel arrive here. Each call is one holder, also if it rejects. */
  acquire (channel: string): Promise<void>
  release (channel: string): void
}

export interface HubOptions<Log> {
  readonly registry: Registry<Log>
  readonly outbox: Outbox
  readonly upstream: Upstream
  readonly maxBuffered: number
  readonly slowConsumer: 'close' | 'drop'
  /** Told when a connection falls behind its bound. */
  readonly onSlow: (connection: LiveConnection<Log>) => void
}

/** Delivers to the connections of this instance, and counts what went through. */
export class Hub<Log = unknown> implements ConnectionHost {
  readonly maxBuffered: number
  readonly slowConsumer: 'close' | 'drop'
  readonly totals = noTraffic()
  readonly outbox: Outbox
  /** How often a connection began to fall behind `maxBuffered`. */
  slowConsumers = 0
  readonly #registry: Registry<Log>
  readonly #upstream: Upstream
  readonly #onSlow: (connection: LiveConnection<Log>) => void
  /** Subscriptions of which nobody knows yet whether they flow. */
  readonly #starting = new Map<string, Promise<void>>()

  constructor ({ registry, outbox, upstream, maxBuffered, slowConsumer, onSlow }: HubOptions<Log>) {
    this.#registry = registry
    this.#upstream = upstream
    this.outbox = outbox
    this.maxBuffered = maxBuffered
    this.slowConsumer = slowConsumer
    this.#onSlow = onSlow
  }

  /**
   * Makes a connection a subscriber of raw messages, at once; the promise is for whoever needs to know that they flow.
   * @throws FST_RT_INVALID_CHANNEL (as a rejection)
   */
  async subscribe (connection: LiveConnection<Log>, channel: string): Promise<void> {
    assertChannelName(channel)
    if (this.#registry.get(connection.id) === undefined) return
    const key = `${connection.id} ${channel}`
    if (connection.channels.has(channel)) return this.#starting.get(key)
    this.#registry.join(connection, channel)
    const starting = this.#upstream.acquire(channel)
    this.#starting.set(key, starting)
    // One that was given up meanwhile has nothing to undo, and must not take the place of its successor.
    const isCurrent = (): boolean => this.#starting.get(key) === starting
    try {
      await starting
    } catch (error) {
      if (isCurrent()) this.unsubscribe(connection, channel)
      throw error
    } finally {
      if (isCurrent()) this.#starting.delete(key)
    }
  }

  unsubscribe (connection: LiveConnection<Log>, channel: string): void {
    if (!connection.channels.has(channel)) return
    this.#starting.delete(`${connection.id} ${channel}`)
    this.#registry.leave(connection, channel)
    this.#upstream.release(channel)
  }

  /** The connection has ended. One with a speaker has left its channels by itself. */
  remove (connection: LiveConnection<Log>): void {
    if (connection.speaker === undefined) for (const channel of connection.channels) this.unsubscribe(connection, channel)
    this.#registry.remove(connection)
  }

  slow (connection: LiveConnection<Log>): void {
    this.slowConsumers++
    this.#onSlow(connection)
  }

  /**
   * The local half of a publication: to every subscriber of this instance but the one whose connection id is `except`.
   * @param frameOf makes the frame of a form, asked once for each form that somebody gets; undefined where there is none
   * @returns how many connections it was handed to
   */
  deliver (channel: string, frameOf: (form: Form) => Frame | undefined, except?: string): number {
    const audience = this.#registry.audience(channel)
    if (audience === undefined) return 0
    const sender = except === undefined ? undefined : this.#registry.get(except)
    let delivered = 0
    for (const form of FORMS) {
      const members = audience[form]
      if (members !== undefined) delivered += this.#deliverTo(members, frameOf(form), sender)
    }
    return delivered
  }

  /** To those who want to hear of joins and leaves. */
  tellWatchers (channel: string, frame: Frame): void {
    const watchers = this.#registry.audience(channel)?.watchers
    if (watchers !== undefined) this.#deliverTo(watchers, frame)
  }

  /** Publications of the channel are missing: whoever counts them is told. */
  lost (channel: string): void {
    for (const connection of this.#registry.in(channel)) connection.speaker?.lost(channel)
  }

  #deliverTo (members: ReadonlySet<LiveConnection<Log>>, frame: Frame | undefined, sender?: LiveConnection<Log>): number {
    let delivered = 0
    if (frame === undefined) {
      for (const connection of members) connection.speaker?.unfit()
      return 0
    }
    for (const connection of members) {
      if (connection !== sender && connection.deliver(frame)) delivered++
    }
    return this.#counted(delivered, frame.payloadLength)
  }

  /** To every connection, or to those of one route. Returns how many it was handed to. */
  broadcast (data: string | Uint8Array, { except, route }: { except?: string | { readonly id: string }, route?: string } = {}): number {
    const exceptId = typeof except === 'object' ? except.id : except
    const frame = frameOf(data)
    let spoken: Frame | undefined
    let delivered = 0
    for (const connection of this.#registry) {
      if (connection.id === exceptId || (route !== undefined && connection.route !== route)) continue
      const { speaker } = connection
      if (speaker === undefined) {
        if (connection.deliver(frame)) delivered += this.#counted(1, frame.payloadLength)
        continue
      }
      if (typeof data !== 'string' || !speaker.isConnected) continue
      spoken ??= speaker.frameOf(data)
      if (connection.deliver(spoken)) delivered += this.#counted(1, spoken.payloadLength)
    }
    return delivered
  }

  #counted (delivered: number, payloadLength: number): number {
    this.totals.messagesOut += delivered
    this.totals.bytesOut += delivered * payloadLength
    return delivered
  }
}
