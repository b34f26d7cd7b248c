import type { Backplane, HistoryOptions, Position, Publication, ReadResult, StoredPublication } from './backplane.ts'
import { Window } from './window.ts'

/** What an instance keeps of a live channel's history, so that whoever resumes within it need not ask the engine. */
const MAX_RECENT = 512 // publications
const MAX_RECENT_BYTES = 1_048_576
/** How many publications wait while the history is read. Beyond it the oldest go, and are read once more. */
const MAX_PENDING = 1_024
/** How often the history is read anew because publications went missing meanwhile, until the feed counts as broken. */
const MAX_READS = 5

export interface FeedOwner {
  readonly backplane: Backplane
  /** Reads the whole history; who asks while it is being read gets the same answer. */
  readAll (channel: string, history: HistoryOptions): Promise<ReadResult>
  deliverLocally (feed: Feed, publication: Publication): void
  /** Publications were missed and cannot be had any more. */
  lost (feed: Feed): void
  /** Something was missing, whether it can be had or not. */
  gap (): void
}

/** One channel as it flows to this instance: in order, without holes, and with what came lately. */
export class Feed {
  readonly channel: string
  /** Names the channel in pushes to those who want short ones. */
  readonly id: number
  readonly history: HistoryOptions | undefined
  holders = 0
  /** Of the newest publication that was delivered; undefined before the history was read, or where there is none. */
  top: Position | undefined = undefined
  readonly #owner: FeedOwner
  #recent: Window | undefined = undefined
  /** Of what the engine has, the oldest are not in `recent`. */
  #isCut = false
  #isSubscribed = false
  /** Nothing is known, or something is missing. */
  #isStale = true
  #settling: Promise<void> | undefined = undefined
  #pending: StoredPublication[] | undefined = undefined

  constructor (channel: string, id: number, history: HistoryOptions | undefined, owner: FeedOwner) {
    this.channel = channel
    this.id = id
    this.history = history
    this.#owner = owner
    this.#settle()
  }

  /** Resolves when publications flow, without a hole. Rejects when the engine cannot do that now. */
  async settled (): Promise<void> {
    if (this.#isStale && this.#settling === undefined) this.#settle()
    while (this.#settling !== undefined) await this.#settling
  }

  /** The engine has delivered something. */
  receive (publication: Publication): void {
    if (!isStored(publication) || this.history === undefined) return this.#owner.deliverLocally(this, publication)
    if (this.#settling !== undefined) return this.#wait(publication)
    if (!this.#isStale && this.#isKnown(publication)) return
    if (!this.#isStale && this.#follows(publication)) return this.#accept(publication)
    this.#wait(publication)
    this.#missed()
  }

  /** Compares the newest position with the engine's: the last publication before a silence may have got lost. */
  async look (): Promise<void> {
    if (this.#settling !== undefined || this.top === undefined || this.#isStale) return
    this.#forgetOld()
    const { top } = await this.#owner.backplane.read(this.channel, this.history!, this.top, 0)
    if (this.#settling !== undefined || this.holders === 0) return
    if (top.epoch !== this.top.epoch || top.offset > this.top.offset) this.#missed()
  }

  /** The engine was away: whatever there was may be missing now. */
  check (): void {
    if (this.#settling === undefined && this.history !== undefined) this.#settle()
  }

  /**
   * What has to be known besides the recent publications to tell what somebody has missed; the engine is asked only where
   * that can help. Settled again when it resolves.
   */
  async olderThanRecent (since: Position): Promise<readonly StoredPublication[]> {
    const first = this.#recent?.first
    const isOlder = this.#isCut && first !== undefined && this.#isOfThisEpoch(since) && since.offset < first.position.prev
    if (!isOlder) return []
    const { publications } = await this.#owner.readAll(this.channel, this.history!)
    await this.settled()
    return publications
  }

  /**
   * The publications after a position, all of them, in order; undefined if one of them is gone, or the position never was.
   * @param older see `olderThanRecent`
   */
  missedSince (since: Position, older: readonly StoredPublication[] = []): readonly StoredPublication[] | undefined {
    if (this.top === undefined || !this.#isOfThisEpoch(since)) return undefined
    const recent = this.recent
    const begin = recent[0]?.position.offset ?? Infinity
    const all = [...older.filter(({ position }) => position.offset < begin), ...recent]
    const missed = all.filter(({ position }) => position.offset > since.offset)
    let { offset } = since
    for (const { position } of missed) {
      if (position.prev !== offset) return undefined
      offset = position.offset
    }
    return offset === this.top.offset ? missed : undefined
  }

  /** The last publications that are not too old, oldest first. */
  get recent (): readonly StoredPublication[] {
    this.#forgetOld()
    return this.#recent?.after(0) ?? []
  }

  /** Of the publications in `recent`, roughly. */
  get recentBytes (): number {
    return this.#recent?.bytes ?? 0
  }

  /** `recent` is all there is. */
  get hasAll (): boolean {
    return this.top !== undefined && !this.#isCut && !this.#isStale && this.#settling === undefined
  }

  #isOfThisEpoch ({ epoch }: Position): boolean {
    return epoch === '' || epoch === this.top?.epoch
  }

  #isKnown ({ position }: StoredPublication): boolean {
    return position.epoch === this.top?.epoch && position.offset <= this.top.offset
  }

  #follows ({ position }: StoredPublication): boolean {
    return position.epoch === this.top?.epoch && position.prev === this.top.offset
  }

  #accept (publication: StoredPublication): void {
    this.#keep(publication)
    this.#owner.deliverLocally(this, publication)
  }

  #keep (publication: StoredPublication): void {
    const recent = this.#recent ??= new Window()
    this.#forgetOld()
    recent.push(publication)
    while (recent.length > this.history!.size) recent.shift()
    while (recent.length > MAX_RECENT || (recent.bytes > MAX_RECENT_BYTES && recent.length > 1)) {
      recent.shift()
      this.#isCut = true
    }
    this.top = publication.position
  }

  #forgetOld (): void {
    const last = this.#recent?.last
    if (last !== undefined && last.position.time + this.history!.ttl <= Date.now()) this.#clear()
  }

  #clear (): void {
    this.#recent = undefined
    this.#isCut = false
  }

  #wait (publication: StoredPublication): void {
    this.#pending ??= []
    if (this.#pending.push(publication) > MAX_PENDING) this.#pending.shift()
  }

  #missed (): void {
    this.#owner.gap()
    this.#settle()
  }

  #settle (): void {
    this.#settling = this.#catchUp()
    this.#settling.catch(() => {}) // whoever waits for it hears of it
  }

  async #catchUp (): Promise<void> {
    const { backplane } = this.#owner
    try {
      this.#isStale = true
      if (!this.#isSubscribed) await backplane.subscribe([this.channel])
      this.#isSubscribed = true
      if (this.history !== undefined) await this.#readOn(this.history)
      this.#isStale = false
    } catch (error) {
      if (this.top !== undefined) this.#owner.lost(this)
      this.top = undefined
      this.#clear()
      for (const publication of this.#pending ?? []) this.#owner.deliverLocally(this, publication)
      this.#pending = undefined
      throw error
    } finally {
      // In the turn in which the last one that waited was taken: what comes from now on is not to wait.
      this.#settling = undefined
    }
  }

  /** Reads what is missing, and takes what has come meanwhile, until there is no hole in between. */
  async #readOn (history: HistoryOptions): Promise<void> {
    for (let reads = 0; reads < MAX_READS; reads++) {
      const since = this.top
      const { top, publications } = since === undefined
        ? await this.#owner.readAll(this.channel, history)
        : await this.#owner.backplane.read(this.channel, history, since)
      if (this.holders === 0) return
      if (since === undefined) for (const publication of publications) this.#keep(publication)
      else {
        if (!isWhole(since, top, publications)) {
          this.#owner.lost(this)
          this.#clear()
        }
        for (const publication of publications) this.#accept(publication)
      }
      this.top = top
      if (this.#takePending(since === undefined)) return
    }
    throw new Error(`publications of the channel ${this.channel} go missing faster than they can be read`)
  }

  /**
   * @param isFirst those who subscribed while nothing was known yet get everything that has come since
   * @returns false if one is missing in between
   */
  #takePending (isFirst: boolean): boolean {
    for (let publication = this.#pending?.[0]; publication !== undefined; publication = this.#pending?.[0]) {
      if (this.#isKnown(publication)) {
        if (isFirst) this.#owner.deliverLocally(this, publication)
      } else if (this.#follows(publication)) this.#accept(publication)
      else return false
      this.#pending!.shift()
    }
    this.#pending = undefined
    return true
  }
}

function isStored (publication: Publication): publication is StoredPublication {
  return publication.position !== undefined
}

/** Nothing is missing between a position and what was read after it. */
function isWhole (since: Position, top: Position, [first]: readonly StoredPublication[]): boolean {
  return top.epoch === since.epoch && (first === undefined ? top.offset === since.offset : first.position.prev === since.offset)
}
