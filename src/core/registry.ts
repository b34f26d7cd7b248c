import type { LiveConnection } from './connection.ts'

/** How a subscriber gets publications: as raw messages, or as pushes that carry the channel's name or its number. */
export type Form = 'raw' | 'named' | 'numbered'
export const FORMS: readonly Form[] = ['raw', 'named', 'numbered']

/** The subscribers of one channel by the form they get, so that a delivery asks nobody which it is. Sets are made when needed. */
export class Audience<Log> {
  raw: Set<LiveConnection<Log>> | undefined = undefined
  named: Set<LiveConnection<Log>> | undefined = undefined
  numbered: Set<LiveConnection<Log>> | undefined = undefined
  /** Those of them who want to hear of joins and leaves. */
  watchers: Set<LiveConnection<Log>> | undefined = undefined
}

/** Who is here: by id, by principal and by channel. A connection is in all three or in none. */
export class Registry<Log = unknown> implements Iterable<LiveConnection<Log>> {
  readonly #byId = new Map<string, LiveConnection<Log>>()
  /** Most principals have one connection: a set is made for the second, or when somebody looks. */
  readonly #byPrincipal = new Map<string, LiveConnection<Log> | Set<LiveConnection<Log>>>()
  readonly #byChannel = new Map<string, Audience<Log>>()
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

  /** A live set where all subscribers get one form; put together anew where they do not. */
  in (channel: string): ReadonlySet<LiveConnection<Log>> {
    const audience = this.#byChannel.get(channel)
    if (audience === undefined) return this.#nobody
    const sets = FORMS.map(form => audience[form]).filter(set => set !== undefined)
    return sets.length === 1 ? sets[0]! : new Set(sets.flatMap(set => [...set]))
  }

  audience (channel: string): Readonly<Audience<Log>> | undefined {
    return this.#byChannel.get(channel)
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
  join (connection: LiveConnection<Log>, channel: string, form: Form = 'raw', isWatching = false): void {
    if (!this.#byId.has(connection.id)) return
    connection.noteChannel(channel, true)
    let audience = this.#byChannel.get(channel)
    if (audience === undefined) this.#byChannel.set(channel, audience = new Audience())
    ;(audience[form] ??= new Set()).add(connection)
    if (isWatching) (audience.watchers ??= new Set()).add(connection)
  }

  leave (connection: LiveConnection<Log>, channel: string): void {
    connection.noteChannel(channel, false)
    const audience = this.#byChannel.get(channel)
    if (audience === undefined) return
    for (const part of [...FORMS, 'watchers'] as const) {
      if (audience[part]?.delete(connection) && audience[part].size === 0) audience[part] = undefined
    }
    if (FORMS.every(form => audience[form] === undefined)) this.#byChannel.delete(channel)
  }
}
