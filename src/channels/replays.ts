import type { Position, StoredPublication } from '../backplane/backplane.ts'
import type { Feed } from '../backplane/feed.ts'
import { publicationJson, Replay } from './encode.ts'

/** Channels of which a replay is kept: those of a restart, when many come back who have all missed the same. */
const MAX_KEPT = 32

interface Kept {
  readonly from: number
  readonly to: Position
  readonly replay: Replay
}

/** Makes what a client has missed into text, once for all who have missed the same. */
export class Replays {
  readonly #kept = new Map<Feed, Kept>()

  /** What came after the position, all of it; undefined if that cannot be had. */
  of (feed: Feed, since: Position, older: readonly StoredPublication[]): Replay | undefined {
    const known = this.#kept.get(feed)
    const isOfThisEpoch = since.epoch === '' || since.epoch === feed.top?.epoch
    if (known !== undefined && isOfThisEpoch && known.from === since.offset && known.to === feed.top) return known.replay
    const publications = feed.missedSince(since, older)
    if (publications === undefined) return undefined
    const replay = new Replay(publications.map(publicationJson).join(','))
    if (publications.length > 1) this.#keep(feed, { from: since.offset, to: feed.top!, replay })
    return replay
  }

  #keep (feed: Feed, kept: Kept): void {
    this.#kept.delete(feed)
    this.#kept.set(feed, kept)
    if (this.#kept.size > MAX_KEPT) this.#kept.delete(this.#kept.keys().next().value!)
  }
}
