import type { LiveConnection } from './connection.ts'

/** Who is here: by id, by principal and by channel. A connection is in all three or in none. */
export class Registry<Log = unknown> implements Iterable<LiveConnection<Log>> {
  readonly #byId = new Map<string, LiveConnection<Log>>()
  /** Most principals have one connection: a set is made for the second, or when somebody looks. */
  readonly #byPrincipal = new Map<string, LiveConnection<Log> | Set<LiveConnection<Log>>>()
  readonly #byChannel = new Map<string, Set<LiveConnection<Log>>>()
  readonly #onEmpty: Array<() => void> = []
  readonly #nobody: ReadonlySet<LiveConnection<Log>> = new Set()

  get size (): number {
    return this.#byId.size
  }

  /** Channels with at least one subscriber. */
  get channelCount (): number {
    return this.#byChannel.size
  }

  [Symbol.iterator] (): IterableIterator<LiveConnection<Log>> {
    return this.#byId.values()
  }

  get (id: string): LiveConnection<Log> | undefined {
    return this.#byId.get(id)
  }

  ofPrincipal (id: string): ReadonlySet<LiveConnection<Log>> {
    const known = this.#byPrincipal.get(id)
    return known === undefined ? this.#nobody : this.#setOf(id, known)
  }

  in (channel: string): ReadonlySet<LiveConnection<Log>> {
    return this.#byChannel.get(channel) ?? this.#nobody
  }

  add (connection: LiveConnection<Log>): void {
    this.#byId.set(connection.id, connection)
    const { id } = connection.principal
    const known = this.#byPrincipal.get(id)
    if (known === undefined) this.#byPrincipal.set(id, connection)
    else this.#setOf(id, known).add(connection)
  }

  /** Does nothing for a connection that is not here, so an end that is reported twice is harmless. */
  remove (connection: LiveConnection<Log>): void {
    if (!this.#byId.delete(connection.id)) return
    const { id } = connection.principal
    const known = this.#byPrincipal.get(id)
    if (known === connection || (known instanceof Set && known.delete(connection) && known.size === 0)) this.#byPrincipal.delete(id)
    for (const channel of connection.channels) this.leave(connection, channel)
    if (this.size === 0) for (const resolve of this.#onEmpty.splice(0)) resolve()
  }

  #setOf (principalId: string, known: LiveConnection<Log> | Set<LiveConnection<Log>>): Set<LiveConnection<Log>> {
    if (known instanceof Set) return known
    const set = new Set([known])
    this.#byPrincipal.set(principalId, set)
    return set
  }

  /** Resolves when nobody is left. */
  whenEmpty (): Promise<void> {
    return new Promise(resolve => {
      if (this.size === 0) resolve()
      else this.#onEmpty.push(resolve)
    })
  }

  /** Ignores a connection that has ended: a late subscribe must not leave a ghost behind. */
  join (connection: LiveConnection<Log>, channel: string): void {
    if (!this.#byId.has(connection.id)) return
    connection.noteChannel(channel, true)
    addTo(this.#byChannel, channel, connection)
  }

  leave (connection: LiveConnection<Log>, channel: string): void {
    connection.noteChannel(channel, false)
    removeFrom(this.#byChannel, channel, connection)
  }
}

function addTo<T> (index: Map<string, Set<T>>, key: string, item: T): void {
  const set = index.get(key)
  if (set === undefined) index.set(key, new Set([item]))
  else set.add(item)
}

function removeFrom<T> (index: Map<string, Set<T>>, key: string, item: T): void {
  const set = index.get(key)
  if (set?.delete(item) && set.size === 0) index.delete(key)
}
