import type { Position, StoredPublication } from '../backplane/backplane.ts'
import type { Feed } from '../backplane/feed.ts'
import type { ResolvedChannelOptions } from '../channel-options.ts'
import { CommandError, Errors } from './codes.ts'
import type { RequestOf } from './commands.ts'
import { publicationJson, Replay, type SubscribeResult } from './encode.ts'
import type { Replays } from './replays.ts'

interface Beginning {
  readonly feed: Feed
  readonly options: ResolvedChannelOptions
  readonly wish: Wish
  /** Publications that the feed does not keep any more. */
  readonly older: readonly StoredPublication[]
  readonly replays: Replays
  /** More than that is not sent at once, bytes: the answer is no. */
  readonly maxBuffered: number
}

/** What a client, or the application for it, wants of a subscription. */
export type Wish = Partial<Omit<RequestOf<'subscribe'>, 'channel' | 'token'>>

// Bits of `flag` in a subscribe request.
/** The client understands pushes that carry a number instead of the channel's name. */
const NUMBERED = 1
/** It wants an error where it cannot be given what it has missed. */
const REJECT_UNRECOVERED = 2

export function isNumbered (wish: Wish): boolean {
  return hasFlag(wish, NUMBERED)
}

/** Flags grow beyond the 32 bits that bitwise operators know. */
function hasFlag ({ flag = 0 }: Wish, bit: number): boolean {
  return Math.floor(flag / bit) % 2 === 1
}

/** The client has been here before, and wants what it has missed. */
export function isResume (wish: Wish, { recovery, mode }: ResolvedChannelOptions): boolean {
  return recovery && mode === 'stream' && wish.recover === true
}

export function sinceOf ({ epoch = '', offset = 0 }: Wish): Position {
  return { epoch, offset }
}

/**
 * How a subscription begins: where its channel stands, and what it starts with. All of what was missed, or nothing and a plain no. The
 * subscription has to go live in the same turn.
 * @throws error 100 if the channel does not flow, 112 if the client wants that rather than a no
 */
export function beginningOf ({ feed, options, wish, older, replays, maxBuffered }: Beginning): SubscribeResult {
  const { recovery, mode } = options
  if (feed.history !== undefined && feed.top === undefined) throw new CommandError(Errors.Internal)
  const position = feed.top ?? { epoch: '', offset: 0 }
  const since = sinceOf(wish)
  const asked = wish.recover === true
  const positioned = recovery || (wish.positioned === true && feed.history !== undefined)
  const result = { recoverable: recovery, positioned, position, wasRecovering: asked, ...(isNumbered(wish) && { id: feed.id }) }
  let replay: Replay | undefined
  if (isResume(wish, options)) replay = replays.of(feed, since, older)
  else if (recovery && mode === 'cache') replay = latest(feed, since, asked)
  if (replay === undefined || replay.text.length > maxBuffered) {
    if (asked && hasFlag(wish, REJECT_UNRECOVERED)) throw new CommandError(Errors.UnrecoverablePosition)
    return result
  }
  // As clients expect it: where recovery began. Every publication moves them on.
  return { ...result, position: { epoch: position.epoch, offset: since.offset }, wasRecovering: true, recovered: true, replay }
}

/** The newest publication, unless the client has it; undefined if there is none. */
function latest ({ top, recent }: Feed, since: Position, asked: boolean): Replay | undefined {
  if (asked && since.epoch === top?.epoch && since.offset === top.offset) return new Replay('')
  const newest = recent.at(-1)
  return newest === undefined ? undefined : new Replay(publicationJson(newest))
}
