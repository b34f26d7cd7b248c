import type { Backplane, BackplaneSink, HistoryOptions, InstanceInfo, Member, MemberCount, OutgoingPublication, Position, ReadResult } from './backplane.ts'
import { Stream } from './stream.ts'

export interface MemoryBackplaneOptions {
  /** Bytes of history of all channels together; beyond it, the channel that was silent longest loses its own. Minimum 1. @default 268_435_456 */
  readonly maxHistoryBytes?: number
}

/** How often forgotten history is cleared away, ms. Nobody reads it in between. */
const SWEEP = 1_000
/** Channels without publications and without subscribers whose position is remembered. */
const MAX_DORMANT = 100_000

/** The backplane of a single process: no dependency, nothing to run, and nothing left when the process ends. */
export function memoryBackplane (options: MemoryBackplaneOptions = {}): Backplane {
  return new MemoryBackplane(options)
}

class MemoryBackplane implements Backplane {
  readonly presence = new MemoryPresence()
  readonly #maxHistoryBytes: number
  #sink: BackplaneSink | undefined = undefined
  readonly #subscribed = new Set<string>()
  readonly #streams = new Map<string, Stream>()
  /** Those with publications, the one that was silent longest first. */
  readonly #kept = new Map<string, Stream>()
  /** Those with neither publications nor subscribers, in the order in which they fell asleep. */
  readonly #dormant = new Set<string>()
  #bytes = 0
  #sweeper: NodeJS.Timeout | undefined = undefined

  constructor ({ maxHistoryBytes = 268_435_456 }: MemoryBackplaneOptions) {
    this.#maxHistoryBytes = maxHistoryBytes
  }

  async start (_instanceId: string, sink: BackplaneSink): Promise<void> {
    this.#sink = sink
  }

  async publish (channel: string, { history, ...publication }: OutgoingPublication): Promise<Position | undefined> {
    const stored = history === undefined ? undefined : this.#append(channel, publication, history)
    if (this.#subscribed.has(channel)) this.#sink?.deliver(channel, stored ?? publication)
    return stored === undefined ? undefined : { epoch: stored.position.epoch, offset: stored.position.offset }
  }

  async subscribe (channels: readonly string[]): Promise<void> {
    for (const channel of channels) {
      this.#subscribed.add(channel)
      this.#dormant.delete(channel)
    }
  }

  async unsubscribe (channels: readonly string[]): Promise<void> {
    for (const channel of channels) {
      this.#subscribed.delete(channel)
      this.#letSleep(channel)
    }
  }

  async read (channel: string, _history: HistoryOptions, since?: Position, limit?: number): Promise<ReadResult> {
    const result = this.#streamOf(channel).read(since, limit)
    this.#letSleep(channel)
    return result
  }

  async beat (self: InstanceInfo): Promise<readonly InstanceInfo[]> {
    return [self]
  }

  async close (): Promise<void> {
    clearInterval(this.#sweeper)
    this.#sweeper = undefined
    this.#sink = undefined
  }

  #append (channel: string, publication: Omit<OutgoingPublication, 'history'>, history: HistoryOptions) {
    const stream = this.#streamOf(channel)
    this.#bytes -= stream.bytes
    const stored = stream.append(publication, history)
    this.#bytes += stream.bytes
    this.#dormant.delete(channel)
    this.#kept.delete(channel)
    this.#kept.set(channel, stream)
    while (this.#bytes > this.#maxHistoryBytes) this.#forget(...this.#kept.entries().next().value!)
    this.#sweeper ??= setInterval(() => this.#sweep(), SWEEP).unref()
    return stored
  }

  #streamOf (channel: string): Stream {
    let stream = this.#streams.get(channel)
    if (stream === undefined) this.#streams.set(channel, stream = new Stream())
    return stream
  }

  #sweep (): void {
    const now = performance.now()
    for (const [channel, stream] of this.#kept) if (stream.expiresAt <= now) this.#forget(channel, stream)
    if (this.#kept.size > 0) return
    clearInterval(this.#sweeper)
    this.#sweeper = undefined
  }

  #forget (channel: string, stream: Stream): void {
    this.#bytes -= stream.bytes
    stream.clear()
    this.#kept.delete(channel)
    this.#letSleep(channel)
  }

  #letSleep (channel: string): void {
    if (this.#subscribed.has(channel) || this.#kept.has(channel) || !this.#streams.has(channel)) return
    this.#dormant.add(channel)
    if (this.#dormant.size <= MAX_DORMANT) return
    const [oldest] = this.#dormant
    this.#dormant.delete(oldest!)
    this.#streams.delete(oldest!)
  }
}

class MemoryPresence {
  readonly #members = new Map<string, Map<string, Member>>()

  async join (channel: string, member: Member): Promise<void> {
    let members = this.#members.get(channel)
    if (members === undefined) this.#members.set(channel, members = new Map())
    members.set(member.client, member)
  }

  async leave (channel: string, client: string): Promise<void> {
    const members = this.#members.get(channel)
    if (members?.delete(client) && members.size === 0) this.#members.delete(channel)
  }

  async list (channel: string): Promise<readonly Member[]> {
    return [...this.#members.get(channel)?.values() ?? []]
  }

  async count (channel: string): Promise<MemberCount> {
    const members = await this.list(channel)
    return { clients: members.length, users: new Set(members.map(({ user }) => user)).size }
  }
}
