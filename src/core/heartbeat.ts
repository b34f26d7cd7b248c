/** A connection as the heartbeat sees it. */
export interface HeartbeatPeer {
  /** True while this side has stopped reading: its pong may lie unread, so it cannot be judged. */
  readonly isPaused: boolean
  /** Grows with every byte that arrives, also in the middle of a frame. */
  bytesRead (): number
  ping (): void
  /** Nothing came within the timeout: drop the connection. */
  giveUp (): void
}

export interface HeartbeatOptions {
  /** A peer that was silent this long is pinged. ms */
  readonly interval: number
  /** A pinged peer that stays silent this long is given up. ms */
  readonly timeout: number
  /** Ping at every interval, also a peer that is not silent: it counts on our pings. @default false */
  readonly isSteady?: boolean
}

const MAX_TICK = 250 // ms: fine enough for any interval of seconds
const TICKS_PER_TIMEOUT = 20
const MAX_SLOTS = 1024 // whoever has longer to wait goes round more than once
const PEERS_PER_TURN = 256 // about 3 ms of pings, then the event loop gets its turn

/**
 * One timer for all connections. Time is cut into ticks, and the ticks form a wheel of slots; a peer waits in the slot
 * in which it has to be looked at next, so a tick touches only those that are due.
 *
 * Two rules keep live peers alive when the event loop stalls. The heartbeat's own clock advances by a quarter of the
 * timeout at most in one tick, whatever the wall says: time in which nothing could be read does not count against
 * anybody. And a peer whose time is up is judged only after the loop has polled once more, because timers run before
 * the pongs that are already waiting are read.
 */
export class Heartbeat {
  readonly #options: HeartbeatOptions
  readonly #tick: number
  readonly #maxStep: number
  readonly #now: () => number
  readonly #wheel: Array<Set<Pulse>>
  #timer: NodeJS.Timeout | undefined = undefined
  #clock = 0 // ms, the heartbeat's own time
  #lastTick = 0
  #slot = 0 // how many slots have been passed, ever
  #due: Pulse[] = []
  #isWorking = false
  #spread = 0
  #watched = 0

  /** @param quickest the shortest interval or timeout that `watch` will be asked for, ms */
  constructor (options: HeartbeatOptions, now = () => performance.now(), quickest = Infinity) {
    const { interval, timeout } = options
    this.#options = options
    this.#tick = Math.min(MAX_TICK, Math.max(1, Math.floor(Math.min(interval, timeout, quickest) / TICKS_PER_TIMEOUT)))
    this.#maxStep = Math.max(2 * this.#tick, timeout / 4)
    this.#now = now
    const slots = Math.min(MAX_SLOTS, Math.ceil(Math.max(interval, timeout) / this.#tick) + 2)
    this.#wheel = Array.from({ length: slots }, () => new Set<Pulse>())
  }

  /**
   * From now on the peer is pinged when it is silent. Each one's first ping comes a tick earlier than its predecessor's,
   * round and round within the interval, so that connections made in one burst are not pinged in one.
   */
  watch (peer: HeartbeatPeer, options = this.#options): Pulse {
    const pulse = new Pulse(peer, this, this.#clock, options)
    const ticks = Math.max(1, Math.floor(options.interval / this.#tick))
    this.#schedule(pulse, this.#clock + options.interval - this.#spread % ticks * this.#tick)
    if (this.#watched++ === 0) {
      this.#lastTick = this.#now()
      this.#timer = setInterval(() => this.#onTick(), this.#tick)
    }
    this.#spread++
    return pulse
  }

  /** @internal for Pulse: with nobody left to watch, there is no timer. */
  unwatch (): void {
    if (--this.#watched === 0) clearInterval(this.#timer)
  }

  close (): void {
    clearInterval(this.#timer)
    this.#due = []
    for (const slot of this.#wheel) slot.clear()
  }

  /** @internal for Pulse */
  get clock (): number {
    return this.#clock
  }

  /** @internal for Pulse */
  get now (): number {
    return this.#now()
  }

  /** @internal for Pulse: a pong ends the wait, and the silence begins anew. */
  answered (pulse: Pulse): void {
    pulse.isAwaitingPong = false
    this.#schedule(pulse, pulse.nextPing)
  }

  #schedule (pulse: Pulse, at: number): void {
    pulse.slot?.delete(pulse)
    pulse.dueSlot = Math.max(this.#slot + 1, Math.ceil(at / this.#tick))
    pulse.slot = this.#wheel[pulse.dueSlot % this.#wheel.length]!
    pulse.slot.add(pulse)
  }

  #onTick (): void {
    const now = this.#now()
    this.#clock += Math.min(now - this.#lastTick, this.#maxStep)
    this.#lastTick = now
    const reached = Math.floor(this.#clock / this.#tick)
    while (this.#slot < reached) {
      this.#slot++
      const slot = this.#wheel[this.#slot % this.#wheel.length]!
      for (const pulse of slot) {
        if (pulse.dueSlot > this.#slot) continue
        slot.delete(pulse)
        this.#due.push(pulse)
      }
    }
    if (!this.#isWorking && this.#due.length > 0) this.#work()
  }

  /** Looks at those who are due, a bounded number in one turn of the loop. */
  #work (): void {
    const turn = this.#due.splice(0, PEERS_PER_TURN)
    const suspects = turn.filter(pulse => this.#isSuspect(pulse))
    this.#isWorking = this.#due.length > 0
    if (this.#isWorking) setImmediate(() => this.#work())
    // Immediates run after the loop has polled: what has arrived by now counts.
    if (suspects.length > 0) setImmediate(() => { for (const pulse of suspects) this.#judge(pulse) })
  }

  #isSuspect (pulse: Pulse): boolean {
    if (pulse.isStopped) return false
    if (pulse.isAwaitingPong) {
      if (!pulse.showsLife()) return true
      pulse.isAwaitingPong = false
    } else if (pulse.nextPing <= this.#clock) {
      pulse.ping()
      this.#schedule(pulse, this.#clock + pulse.options.timeout)
      return false
    }
    this.#schedule(pulse, pulse.nextPing)
    return false
  }

  #judge (pulse: Pulse): void {
    if (pulse.isStopped || !pulse.isAwaitingPong) return
    if (!pulse.showsLife()) return pulse.peer.giveUp()
    pulse.isAwaitingPong = false
    this.#schedule(pulse, pulse.nextPing)
  }
}

/** What the heartbeat knows of one peer. */
export class Pulse {
  readonly peer: HeartbeatPeer
  readonly options: HeartbeatOptions
  lastSeen: number // on the heartbeat's clock
  hasBeenSeen = false
  isAwaitingPong = false
  isStopped = false
  slot: Set<Pulse> | undefined = undefined
  dueSlot = 0
  readonly #heartbeat: Heartbeat
  #pingedAt = 0 // on the heartbeat's clock
  #pingSentAt = 0 // on the wall's
  #bytesAtPing = 0

  constructor (peer: HeartbeatPeer, heartbeat: Heartbeat, clock: number, options: HeartbeatOptions) {
    this.peer = peer
    this.options = options
    this.lastSeen = clock
    this.#heartbeat = heartbeat
  }

  /**
   * When it has to be pinged again, on the heartbeat's clock: when it will have been silent for an interval, or, if it counts
   * on our pings, an interval after the last one. The first ping comes when it was scheduled.
   */
  get nextPing (): number {
    const { interval, isSteady } = this.options
    if (isSteady) return this.#pingedAt === 0 ? 0 : this.#pingedAt + interval
    return this.hasBeenSeen ? this.lastSeen + interval : 0
  }

  /** A frame has arrived: any frame counts as life. */
  seen (): void {
    this.lastSeen = this.#heartbeat.clock
    this.hasBeenSeen = true
  }

  /** A pong has arrived. Returns the ms since the ping, or undefined for one that nobody asked for. */
  pong (): number | undefined {
    this.seen()
    if (this.isAwaitingPong) this.#heartbeat.answered(this)
    if (this.#pingSentAt === 0) return undefined
    const latency = this.#heartbeat.now - this.#pingSentAt
    this.#pingSentAt = 0
    return latency
  }

  stop (): void {
    if (this.isStopped) return
    this.isStopped = true
    this.slot?.delete(this)
    this.#heartbeat.unwatch()
  }

  /** @internal for Heartbeat */
  ping (): void {
    this.isAwaitingPong = true
    this.#pingedAt = this.#heartbeat.clock
    this.#pingSentAt = this.#heartbeat.now
    this.#bytesAtPing = this.peer.bytesRead()
    this.peer.ping()
  }

  /** @internal for Heartbeat: whether anything has arrived since the ping, or could not have been read. */
  showsLife (): boolean {
    if (this.lastSeen >= this.#pingedAt) return true
    if (!this.peer.isPaused && this.peer.bytesRead() === this.#bytesAtPing) return false
    this.seen()
    return true
  }
}
