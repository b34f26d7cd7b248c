/** Where in a channel's history something is. Two positions of different epochs have nothing to do with each other. */
export interface Position {
  /** Names one life of a stream: a stream that was lost and began again has another one. */
  readonly epoch: string
  /** Grows with every publication of the epoch; below 2^53. */
  readonly offset: number
}

/** The window of publications that is kept for a channel. */
export interface HistoryOptions {
  /** How many publications at most. */
  readonly size: number
  /** How long after the last one, ms. */
  readonly ttl: number
}

/** What was published: JSON text, plain text (a string, which is JSON once it is quoted), or bytes. */
export type Payload =
  { readonly format: 'json' | 'text', readonly data: string } |
  { readonly format: 'binary', readonly data: Uint8Array }

/** A publication, or the news that somebody has joined or left. */
export interface OutgoingPublication {
  readonly type: 'publication' | 'join' | 'leave'
  readonly payload: Payload
  /** JSON text of who published it, or who has joined or left: `{"user":…,"client":…}`. */
  readonly info?: string | undefined
  /** Id of a connection that does not get it. */
  readonly except?: string | undefined
  /** Keep it, and give it a position. */
  readonly history?: HistoryOptions | undefined
}

/** What comes back from the engine. With a history it has a position, and says which offset came before it. */
export interface Publication {
  readonly type: OutgoingPublication['type']
  readonly payload: Payload
  readonly info?: string | undefined
  readonly except?: string | undefined
  readonly position?: StreamPosition | undefined
}

export interface StreamPosition extends Position {
  /** The offset of the publication before; 0 for the first of the epoch. */
  readonly prev: number
  /** When it was published, epoch ms. */
  readonly time: number
}

/** A publication that has a position. */
export type StoredPublication = Publication & { readonly position: StreamPosition }

export interface ReadResult {
  /** The position of the newest publication, whether it is still there or not. */
  readonly top: Position
  /** Oldest first. */
  readonly publications: readonly StoredPublication[]
}

/** Somebody who is in a channel. */
export interface Member {
  /** Connection id. */
  readonly client: string
  /** Principal id. */
  readonly user: string
  /** JSON text of what others are told: `{"user":…,"client":…,"conn_info":…}`. */
  readonly info: string
}

export interface MemberCount {
  readonly clients: number
  readonly users: number
}

/** One process. */
export interface InstanceInfo {
  readonly id: string
}

/** Whom the engine tells. */
export interface BackplaneSink {
  deliver (channel: string, publication: Publication): void
  /** The engine is back, every subscription included; what was published meanwhile may be missing. */
  up (): void
  down (error: Error): void
}

/**
 * What carries publications between instances, and keeps their history. Reference counts, resume and the finding of gaps
 * are not its business: they live above it, once for all engines.
 *
 * An implementation MUST
 * - deliver a publication to every instance that has subscribed to its channel, the one that published it included;
 * - deliver the publications of a channel in the same order everywhere, those with a history in the order of their offsets;
 * - deliver what is published after `subscribe` has resolved, until `unsubscribe` is called;
 * - apply `subscribe` and `unsubscribe` of a channel in the order of the calls;
 * - create the stream of a channel that `read` is asked for, so that the first publication has something to follow;
 * - begin a new epoch when it cannot tell what was published before;
 * - reject, soon, when it cannot do what it was asked to do.
 *
 * It MUST NOT
 * - give two publications of an epoch the same offset, or a lower one to the later;
 * - say an offset as `prev` that is not the one before, not even where that publication is gone;
 * - keep publications for longer than asked, or without a bound;
 * - queue what it cannot send now to send it later;
 * - throw out of a call instead of rejecting, or let an exception of the sink stop it.
 */
export interface Backplane {
  start (instanceId: string, sink: BackplaneSink): Promise<void>
  /** Resolves when the engine has it, with its position if it has a history. */
  publish (channel: string, publication: OutgoingPublication): Promise<Position | undefined>
  /** Resolves when the engine has acknowledged. */
  subscribe (channels: readonly string[]): Promise<void>
  unsubscribe (channels: readonly string[]): Promise<void>
  /**
   * The publications with a higher offset than `since`, or all of them. Those of another epoch than `since` has are all
   * returned too: whoever asked sees it by the epoch.
   * @param limit at most so many, the oldest; 0 for the position alone
   */
  read (channel: string, history: HistoryOptions, since?: Position, limit?: number): Promise<ReadResult>
  /** Tells that this instance lives, for `ttl` ms. Resolves with those that do. */
  beat (self: InstanceInfo, ttl: number): Promise<readonly InstanceInfo[]>
  readonly presence: {
    join (channel: string, member: Member): Promise<void>
    leave (channel: string, client: string): Promise<void>
    list (channel: string): Promise<readonly Member[]>
    count (channel: string): Promise<MemberCount>
  }
  close (): Promise<void>
}
