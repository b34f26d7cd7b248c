import type { Feed } from '../backplane/feed.ts'
import type { ResolvedChannelOptions } from '../channel-options.ts'
import type { Grant } from '../options.ts'
import { type ProtocolCode, Unsubscribes } from './codes.ts'

interface SubscriptionOwner {
  cancel (subscription: Subscription, code: ProtocolCode): void
}

/** One channel of one connection. It is there from the request on, and live from the reply on. */
export class Subscription {
  readonly channel: string
  readonly options: ResolvedChannelOptions
  readonly isServerSide: boolean
  feed: Feed | undefined = undefined
  isLive = false
  isPositioned = false
  grant: Grant = {}
  /** JSON text of what others see of the client here. */
  info = ''
  readonly #owner: SubscriptionOwner

  constructor (owner: SubscriptionOwner, channel: string, options: ResolvedChannelOptions, isServerSide: boolean) {
    this.#owner = owner
    this.channel = channel
    this.options = options
    this.isServerSide = isServerSide
  }

  /** The grant has ended, and nobody has refreshed it. */
  expire (): void {
    this.#owner.cancel(this, Unsubscribes.Expired)
  }
}
