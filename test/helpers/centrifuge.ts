import { once } from 'node:events'
import type { TestContext } from 'node:test'
import { Centrifuge, type Options, type PublicationContext, type Subscription, type SubscriptionOptions } from 'centrifuge'
import { WebSocket } from 'ws'

/** The reference client, with a way to lose its connection, and disconnected when the test ends. */
export class ReferenceClient {
  readonly client: Centrifuge
  #socket: WebSocket | undefined
  #id = ''

  constructor (t: TestContext, base: string, { query = '', ...options }: Partial<Options> & { query?: string } = {}) {
    const remember = (socket: WebSocket): void => { this.#socket = socket }
    class RememberedSocket extends WebSocket {
      constructor (url: string, protocols?: string[]) {
        super(url, protocols)
        remember(this)
        this.on('error', () => {}) // a connection that is dropped while it opens
      }
    }
    this.client = new Centrifuge(`${base}/ws/channels${query}`, {
      token: 'alice', websocket: RememberedSocket, minReconnectDelay: 1, maxReconnectDelay: 20, ...options
    })
    this.client.on('connected', ({ client }) => { this.#id = client })
    t.after(() => this.client.disconnect())
  }

  /** Of its connection, as the server knows it. */
  get id (): string {
    return this.#id
  }

  async connect (): Promise<this> {
    this.client.connect()
    await this.client.ready(10_000)
    return this
  }

  /** The network is gone, without a word. */
  drop (): void {
    this.#socket?.terminate()
  }

  /** Subscribes, and resolves when it is. */
  async subscribe (channel: string, options: Partial<SubscriptionOptions> = {}): Promise<Subscribed> {
    const subscribed = new Subscribed(this.client.newSubscription(channel, options))
    subscribed.subscription.subscribe()
    await subscribed.subscription.ready(10_000)
    return subscribed
  }
}

/** A subscription that remembers what has come. */
export class Subscribed {
  readonly subscription: Subscription
  readonly publications: PublicationContext[] = []

  constructor (subscription: Subscription) {
    this.subscription = subscription
    subscription.on('publication', publication => { this.publications.push(publication) })
  }

  get data (): unknown[] {
    return this.publications.map(({ data }) => data)
  }

  /** Resolves when so many have come. */
  async count (count: number): Promise<void> {
    while (this.publications.length < count) await once(this.subscription as never, 'publication')
  }
}

/** The next event of that name, of a client or a subscription. */
export async function next<T> (emitter: Centrifuge | Subscription, event: string): Promise<T> {
  const [context] = await once(emitter as never, event)
  return context as T
}
