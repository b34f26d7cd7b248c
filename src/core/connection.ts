import { CloseCode, cutReason, isSendableCloseCode, reasonOf } from '../close-codes.ts'
import { InvalidCloseCodeError } from '../errors.ts'
import { frameOf, type Frame, PING_FRAME } from './frame.ts'
import type { Principal } from './principal.ts'
import type { Outbox } from './outbox.ts'
import { Outlet } from './outlet.ts'
import type { EndedBy, Speaker } from './speaker.ts'
import { OPEN, type Socket, type Wire } from './socket.ts'

/** Counted for each connection and, by the hub, for all of them together. */
export interface Traffic {
  messagesIn: number
  messagesOut: number
  bytesIn: number
  bytesOut: number
  /** Messages a slow consumer did not get under the policy `'drop'`. */
  dropped: number
}

export function noTraffic (): Traffic {
  return { messagesIn: 0, messagesOut: 0, bytesIn: 0, bytesOut: 0, dropped: 0 }
}

/** What all connections of a plugin share: limits, totals and the way to the channels. */
export interface ConnectionHost {
  readonly maxBuffered: number
  readonly slowConsumer: 'close' | 'drop'
  readonly totals: Traffic
  readonly outbox: Outbox
  subscribe (connection: LiveConnection, channel: string): Promise<void>
  unsubscribe (connection: LiveConnection, channel: string): void
  /** Told once for each time a connection begins to drop messages. */
  slow (connection: LiveConnection): void
}

export interface ParentLog<Log> {
  child (bindings: { connectionId: string }): Log
}

export interface ConnectionInit<Log> {
  readonly id: string
  readonly principal: Principal
  readonly route: string
  readonly remoteAddress: string | undefined
  readonly socket: Socket
  /** The byte stream below it; absent, frames go through the socket's own `send`. */
  readonly wire?: Wire | undefined
  /** The peer understands compressed messages. */
  readonly canInflate?: boolean
  readonly host: ConnectionHost
  /** Whose child, with the connection's id, becomes its log. */
  readonly parentLog: ParentLog<Log>
}

const NO_CHANNELS: ReadonlySet<string> = new Set()

/** One client's connection: the implementation behind the public `Connection`. */
export class LiveConnection<Log = unknown> {
  readonly id: string
  principal: Principal
  readonly route: string
  readonly remoteAddress: string | undefined
  readonly connectedAt = Date.now()
  /** Absent where messages are plain. */
  speaker: Speaker | undefined = undefined
  readonly traffic = noTraffic()
  /** Last ping to pong, ms; written by whoever reads the pongs. */
  latency: number | undefined = undefined
  /** The close code and reason this side chose, when it was this side that ended the connection. */
  farewell: { readonly code: number, readonly reason: string } | undefined = undefined
  endedBy: EndedBy | undefined = undefined

  readonly #socket: Socket
  /** Where everything that this side sends leaves; whoever writes to the socket by another way flushes it first. */
  readonly outlet: Outlet
  readonly #host: ConnectionHost
  readonly #parentLog: ParentLog<Log>
  #log: Log | undefined = undefined
  /** Most connections have one channel: a set is made for the second, or when somebody looks. */
  #channel: string | undefined = undefined
  #channels: Set<string> | undefined = undefined
  #aborter: AbortController | undefined = undefined
  #state: 'open' | 'closing' | 'ended' = 'open'
  #isDropping = false

  constructor (init: ConnectionInit<Log>) {
    this.id = init.id
    this.principal = init.principal
    this.route = init.route
    this.remoteAddress = init.remoteAddress
    this.#socket = init.socket
    this.outlet = new Outlet(init.host.outbox, init.socket, init.wire, init.canInflate)
    this.#host = init.host
    this.#parentLog = init.parentLog
  }

  get isOpen (): boolean {
    return this.#state === 'open' && this.#socket.readyState === OPEN
  }

  get bufferedAmount (): number {
    return this.outlet.bufferedAmount
  }

  get channels (): ReadonlySet<string> {
    if (this.#channels === undefined && this.#channel !== undefined) this.#channels = new Set([this.#channel])
    return this.#channels ?? NO_CHANNELS
  }

  get signal (): AbortSignal {
    if (this.#aborter === undefined) {
      this.#aborter = new AbortController()
      if (this.#state === 'ended') this.#aborter.abort()
    }
    return this.#aborter.signal
  }

  get log (): Log {
    this.#log ??= this.#parentLog.child({ connectionId: this.id })
    return this.#log
  }

  send (data: string | Uint8Array): boolean {
    const { speaker } = this
    if (speaker === undefined) return this.reply(frameOf(data))
    const frame = speaker.frameOf(data)
    if (speaker.isConnected || !this.isOpen) return this.reply(frame)
    speaker.defer(frame)
    return true
  }

  /** Sends a frame that is for this connection alone. */
  reply (frame: Frame): boolean {
    const isSent = this.deliver(frame)
    if (isSent) {
      this.#host.totals.messagesOut++
      this.#host.totals.bytesOut += frame.payloadLength
    }
    return isSent
  }

  /**
   * Sends a frame that other connections may share; the caller adds it to the totals.
   * @returns false when the connection is not open, or the frame was dropped for a slow consumer
   */
  deliver (frame: Frame): boolean {
    if (!this.isOpen || !this.#hasRoom()) return false
    this.outlet.push(frame)
    this.traffic.messagesOut++
    this.traffic.bytesOut += frame.payloadLength
    return true
  }

  /** Applies the slow-consumer policy. The check comes before the send, so the bound is passed by one message at most. */
  #hasRoom (): boolean {
    const { outlet } = this
    if (this.#isDropping && this.#socket.bufferedAmount === 0) this.#isDropping = false
    if (!this.#isDropping) {
      if (outlet.bufferedAmount < this.#host.maxBuffered) return true
      // What was only collected, nobody has been slow to read yet: let it go, then look again.
      if (outlet.pending > 0) this.#host.outbox.flush()
      if (outlet.bufferedAmount < this.#host.maxBuffered) return true
    }
    // A protocol cannot do without one of its messages.
    if (this.#host.slowConsumer === 'close' || this.speaker !== undefined) {
      this.#host.slow(this)
      this.end(CloseCode.TryAgainLater, 'slow consumer')
      return false
    }
    // Once behind, it skips until everything is out: long runs of messages serve it better than a sieve.
    if (!this.#isDropping) this.#host.slow(this)
    this.#isDropping = true
    this.traffic.dropped++
    this.#host.totals.dropped++
    return false
  }

  /** The speaker's own promise, not one around it: it may be left alone without harm. */
  subscribe (channel: string): Promise<void> {
    return this.speaker === undefined ? this.#host.subscribe(this, channel) : this.speaker.subscribe(channel)
  }

  async unsubscribe (channel: string): Promise<void> {
    return this.speaker === undefined ? this.#host.unsubscribe(this, channel) : this.speaker.unsubscribe(channel)
  }

  /** Called by the registry only, which holds the other half of the same fact. */
  noteChannel (channel: string, joined: boolean): void {
    if (this.#channels === undefined && this.#channel === undefined && joined) {
      this.#channel = channel
    } else if (this.#channels !== undefined || channel !== this.#channel) {
      this.#channels ??= new Set(this.channels)
      if (joined) this.#channels.add(channel)
      else this.#channels.delete(channel)
    } else if (!joined) {
      this.#channel = undefined
    }
  }

  /** @throws FST_RT_INVALID_CLOSE_CODE */
  close (code = 1000, reason?: string): void {
    if (!isSendableCloseCode(code)) throw new InvalidCloseCodeError(code)
    this.end(code, 'server', reason)
  }

  /** Closes politely and remembers on whose account. The first call decides. */
  end (code: number, endedBy: EndedBy, reason?: string): void {
    if (!this.isOpen) return
    this.#state = 'closing'
    this.endedBy ??= endedBy
    const said = this.speaker?.farewell(code, endedBy, reason) ?? { code, reason: reason ?? reasonOf(code) }
    this.farewell = { code: said.code, reason: cutReason(String(said.reason)) }
    this.outlet.flush()
    this.#socket.close(this.farewell.code, this.farewell.reason)
    // Reading goes on, even if a full inbox had stopped it: what is left to come is the peer's half of the goodbye.
    this.#socket.resume()
  }

  terminate (endedBy: EndedBy = 'server'): void {
    if (this.#state === 'ended') return
    this.#state = 'closing'
    this.endedBy ??= endedBy
    this.#socket.terminate()
  }

  /** The socket is gone: nothing can be sent, and whoever listens to `signal` is told. */
  ended (): void {
    this.#state = 'ended'
    this.#aborter?.abort()
  }

  ping (): void {
    if (this.isOpen) this.outlet.push(this.speaker?.ping ?? PING_FRAME)
  }

  /** The peer is silent. A protocol has a word for it, which may still reach a peer that lives but does not answer. */
  giveUp (): void {
    if (this.speaker === undefined) this.terminate('heartbeat')
    else this.end(CloseCode.GoingAway, 'heartbeat')
  }
}
