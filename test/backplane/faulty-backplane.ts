import { type Backplane, type BackplaneSink, memoryBackplane, type OutgoingPublication, type Publication } from '../../src/index.ts'

/** A backplane in memory with switches for what an engine can do wrong. Without one it does everything right. */
export class FaultyBackplane implements Backplane {
  /** What is called, and how often. */
  readonly calls: Record<'publish' | 'subscribe' | 'unsubscribe' | 'read', number> = { publish: 0, subscribe: 0, unsubscribe: 0, read: 0 }
  /** Frames that are not delivered. */
  lose: (channel: string, publication: Publication) => boolean = () => false
  /** Frames that are delivered twice. */
  repeat: (channel: string, publication: Publication) => boolean = () => false
  /** While it is there, calls wait for it. */
  stall: Promise<void> | undefined = undefined
  /** While it is there, what was read waits for it on its way back. */
  stallAnswers: Promise<void> | undefined = undefined
  isAway = false
  readonly #held: Array<() => void> = []
  /** Frames wait until `release`. */
  isHolding = false
  #memory = memoryBackplane()
  #sink: BackplaneSink | undefined = undefined
  #instanceId = ''
  readonly #subscribed = new Set<string>()

  get presence (): Backplane['presence'] {
    return this.#memory.presence
  }

  async start (instanceId: string, sink: BackplaneSink): Promise<void> {
    this.#sink = sink
    this.#instanceId = instanceId
    await this.#memory.start(instanceId, this.#tap)
  }

  readonly #tap: BackplaneSink = {
    deliver: (channel, publication) => {
      if (this.isAway || this.lose(channel, publication)) return
      const times = this.repeat(channel, publication) ? 2 : 1
      const deliver = (): void => { for (let time = 0; time < times; time++) this.#sink!.deliver(channel, publication) }
      if (this.isHolding) this.#held.push(deliver)
      else deliver()
    },
    up () {},
    down () {}
  }

  /** What was held arrives, in its order. */
  release (): void {
    this.isHolding = false
    for (const deliver of this.#held.splice(0)) deliver()
  }

  /** The engine cannot be reached: nothing arrives, every call rejects. What others publish meanwhile is kept. */
  disconnect (): void {
    this.isAway = true
    this.#sink!.down(new Error('the engine is away'))
  }

  reconnect (): void {
    this.isAway = false
    this.#sink!.up()
  }

  /** The engine has lost everything that it knew. */
  async forget (): Promise<void> {
    await this.#memory.close()
    this.#memory = memoryBackplane()
    await this.#memory.start(this.#instanceId, this.#tap)
    await this.#memory.subscribe([...this.#subscribed])
  }

  /** Published by another instance, which reaches the engine also when this one does not. */
  publishElsewhere (channel: string, publication: OutgoingPublication): ReturnType<Backplane['publish']> {
    return this.#memory.publish(channel, publication)
  }

  async publish (channel: string, publication: OutgoingPublication): ReturnType<Backplane['publish']> {
    await this.#call('publish')
    return this.#memory.publish(channel, publication)
  }

  async subscribe (channels: readonly string[]): Promise<void> {
    await this.#call('subscribe')
    for (const channel of channels) this.#subscribed.add(channel)
    await this.#memory.subscribe(channels)
  }

  async unsubscribe (channels: readonly string[]): Promise<void> {
    await this.#call('unsubscribe')
    for (const channel of channels) this.#subscribed.delete(channel)
    await this.#memory.unsubscribe(channels)
  }

  async read (...args: Parameters<Backplane['read']>): ReturnType<Backplane['read']> {
    await this.#call('read')
    const result = await this.#memory.read(...args)
    await this.stallAnswers
    return result
  }

  beat: Backplane['beat'] = (...args) => this.#memory.beat(...args)

  close (): Promise<void> {
    return this.#memory.close()
  }

  async #call (name: keyof FaultyBackplane['calls']): Promise<void> {
    this.calls[name]++
    if (this.isAway) throw new Error('the engine is away')
    if (this.stall !== undefined) await this.stall
  }
}
