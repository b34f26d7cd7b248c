import type { Backplane, BackplaneSink, HistoryOptions, OutgoingPublication, Position, Publication, ReadResult } from './backplane.ts'
import { Feed, type FeedOwner } from './feed.ts'

/** How often the newest positions of quiet channels are compared with the engine's, ms. */
const LOOK = 30_000
/** How many of them in one turn of the event loop. */
const LOOKS_PER_TURN = 256

export interface FeedsOptions {
  readonly backplane: Backplane
  historyOf (channel: string): HistoryOptions | undefined
  /** To the subscribers of this instance. Returns how many. */
  deliver (feed: Feed, publication: Publication): number
  /** Publications of the channel are missing, for good. */
  lost (channel: string): void
  /** The engine has gone, or is back. */
  onChange (error: Error | undefined): void
}

/** The channels that flow to this instance: each as long as somebody holds it, whoever and however many that may be. */
export class Feeds implements BackplaneSink, FeedOwner {
  readonly backplane: Backplane
  /** How often publications were found missing. */
  gaps = 0
  /** How many deliveries to connections of this instance there were. */
  delivered = 0
  readonly #options: FeedsOptions
  readonly #feeds = new Map<string, Feed>()
  readonly #reads = new Map<string, Promise<ReadResult>>()
  #lastId = 0
  #looker: NodeJS.Timeout | undefined = undefined

  constructor (options: FeedsOptions) {
    this.#options = options
    this.backplane = options.backplane
  }

  /** Counts one holder more. The feed may still have to settle. */
  hold (channel: string): Feed {
    let feed = this.#feeds.get(channel)
    if (feed === undefined) {
      feed = new Feed(channel, ++this.#lastId, this.#options.historyOf(channel), this)
      this.#feeds.set(channel, feed)
      if (feed.history !== undefined) this.#looker ??= setInterval(() => this.#look(), LOOK).unref()
    }
    feed.holders++
    return feed
  }

  async acquire (channel: string): Promise<void> {
    await this.hold(channel).settled()
  }

  release (channel: string): void {
    const feed = this.#feeds.get(channel)
    if (feed === undefined || --feed.holders > 0) return
    this.#feeds.delete(channel)
    this.backplane.unsubscribe([channel]).catch(() => {}) // an engine that is away has forgotten it already
    if (this.#feeds.size === 0) this.#stopLooking()
  }

  /** Whether the channel flows here; nobody is counted. */
  get (channel: string): Feed | undefined {
    return this.#feeds.get(channel)
  }

  /** Hands a publication to the engine, which brings it back to every instance. Bytes are not kept: no client could be given them later. */
  publish (channel: string, publication: Omit<OutgoingPublication, 'history'>): Promise<Position | undefined> {
    const isKept = publication.type === 'publication' && publication.payload.format !== 'binary'
    const history = isKept ? this.#options.historyOf(channel) : undefined
    return this.backplane.publish(channel, history === undefined ? publication : { ...publication, history })
  }

  close (): void {
    this.#stopLooking()
    this.#feeds.clear()
  }

  #stopLooking (): void {
    clearInterval(this.#looker)
    this.#looker = undefined
  }

  async #look (): Promise<void> {
    let looks: Array<Promise<void>> = []
    for (const feed of this.#feeds.values()) {
      if (feed.history === undefined) continue
      looks.push(feed.look())
      if (looks.length < LOOKS_PER_TURN) continue
      await Promise.allSettled(looks)
      looks = []
      await new Promise(resolve => setImmediate(resolve))
    }
    await Promise.allSettled(looks)
  }

  // The engine tells.

  /** What nobody here has asked for, a stray or a forgery, is ignored. */
  deliver (channel: string, publication: Publication): void {
    this.#feeds.get(channel)?.receive(publication)
  }

  up (): void {
    this.#options.onChange(undefined)
    for (const feed of this.#feeds.values()) feed.check()
  }

  down (error: Error): void {
    this.#options.onChange(error)
  }

  // A feed tells.

  readAll (channel: string, history: HistoryOptions): Promise<ReadResult> {
    let reading = this.#reads.get(channel)
    if (reading === undefined) {
      reading = this.backplane.read(channel, history).finally(() => this.#reads.delete(channel))
      this.#reads.set(channel, reading)
    }
    return reading
  }

  deliverLocally (feed: Feed, publication: Publication): void {
    this.delivered += this.#options.deliver(feed, publication)
  }

  gap (): void {
    this.gaps++
  }

  lost (feed: Feed): void {
    this.#options.lost(feed.channel)
  }
}
