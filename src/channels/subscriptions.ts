import { optionsOf, type ResolvedChannelOptions } from '../channel-options.ts'
import { assertChannelName } from '../core/channel-name.ts'
import { logThrown } from '../core/thrown.ts'
import type { Grant } from '../options.ts'
import { beginningOf, isNumbered, isResume, sinceOf, type Wish } from './beginning.ts'
import type { ChannelClient } from './client.ts'
import { CommandError, Disconnects, Errors, type ProtocolCode, Unsubscribes } from './codes.ts'
import type { RequestOf } from './commands.ts'
import { latestFrame, pushFrame, type Result, subscribeJson, subscribeResult, type SubscribeResult } from './encode.ts'
import { REFRESH_GRACE, secondsUntil } from './host.ts'
import { showPresence, tellJoin, tellLeave } from './presence.ts'
import { Subscription } from './subscription.ts'

/** What a subscription counts among the large replies: it is little, but there may be many at once. */
const SUBSCRIBE_BYTES = 4_096

const NOWHERE: ReadonlyMap<string, Wish> = new Map()

/** The channels of one connection. */
export class Subscriptions {
  readonly #client: ChannelClient
  readonly #byChannel = new Map<string, Subscription>()
  /** Where the client left the channels that the application had subscribed it to, before it came back. */
  #positions: ReadonlyMap<string, Wish>
  /** Begin with the connect reply. */
  #waiting: Array<{ channel: string, begin: () => SubscribeResult | undefined }> = []
  readonly #starting = new Set<Promise<void>>()
  #isEnded = false

  constructor (client: ChannelClient, positions: ReadonlyMap<string, Wish>) {
    this.#client = client
    this.#positions = positions
  }

  get (channel: string): Subscription | undefined {
    return this.#byChannel.get(channel)
  }

  /** @param reply called in the turn in which the subscription goes live, and before it does */
  async subscribe ({ channel, token, ...wish }: RequestOf<'subscribe'>, reply: (result: Result) => void): Promise<void> {
    await this.#client.host.turnstile.pass(SUBSCRIBE_BYTES)
    if (this.#isEnded) return // meanwhile: nothing would ever take it out again
    const options = this.#client.optionsOf(channel)
    if (this.#byChannel.has(channel)) throw new CommandError(Errors.AlreadySubscribed)
    if (this.#byChannel.size >= this.#client.host.options.maxChannelsPerConnection) throw new CommandError(Errors.LimitExceeded)
    if ((wish.type ?? 0) !== 0 || wish.tf != null) throw new CommandError(Errors.NotAvailable)
    const subscription = this.#reserve(channel, options, false)
    let result: SubscribeResult | undefined
    try {
      const grant = await this.#client.authorize('subscribe', channel, token)
      const begin = await this.#prepare(subscription, wish, grant)
      result = begin()
      if (result === undefined) throw new CommandError(this.#isEnded ? Errors.Internal : Errors.PermissionDenied)
      reply(subscribeResult(result))
    } catch (error) {
      this.#remove(subscription)
      throw error
    }
    this.#goLive(subscription, result, wish)
  }

  /**
   * The application subscribes the client, which learns of it by a push, or by the connect reply if that is not out yet. Whoever does
   * not wait for it finds in the log that it failed.
   * @throws FST_RT_INVALID_CHANNEL, or what the engine says
   */
  subscribeByServer (channel: string): Promise<void> {
    const starting = this.#subscribeByServer(channel)
    const done = (): void => { this.#starting.delete(starting) }
    this.#starting.add(starting)
    starting.then(done, error => {
      done()
      logThrown(this.#client.connection.log, 'warn', error, 'subscribe failed')
    })
    return starting
  }

  /** The application may leave it to us to wait for what it has begun in `onConnect`. */
  async settled (): Promise<void> {
    while (this.#starting.size > 0) await Promise.allSettled(this.#starting)
  }

  async #subscribeByServer (channel: string): Promise<void> {
    assertChannelName(channel)
    if (this.#isEnded || this.#byChannel.has(channel)) return
    // A push has no room for what was missed: only what comes with the connect reply can be a resume. And of what the client says of
    // such a channel, only where it left it counts: the rest is for the application to decide.
    const { recover = false, epoch = '', offset = 0 } = (this.#client.isConnected ? undefined : this.#positions.get(channel)) ?? {}
    const wish = { recover, epoch, offset }
    const subscription = this.#reserve(channel, optionsOf(channel, this.#client.host.options), true)
    try {
      const begin = await this.#prepare(subscription, wish, {})
      if (this.#client.isConnected) this.#pushBegin(subscription, begin)
      else this.#waiting.push({ channel, begin })
    } catch (error) {
      this.#remove(subscription)
      throw error
    }
  }

  #pushBegin (subscription: Subscription, begin: () => SubscribeResult | undefined): void {
    const result = begin()
    if (result === undefined) return
    const { recoverable, positioned, replay } = result
    const { channel, feed } = subscription
    const { connection } = this.#client
    connection.reply(pushFrame({ channel, subscribe: { recoverable, positioned, ...feed?.top } }))
    if (replay !== undefined) connection.reply(latestFrame(channel, replay))
    this.#goLive(subscription, result, {})
  }

  /** JSON text, without the braces, of the subscriptions that begin with the connect reply. They are live then. */
  welcome (): string {
    const texts: string[] = []
    for (const { channel, begin } of this.#waiting) {
      const result = begin()
      if (result === undefined) continue
      texts.push(`${JSON.stringify(channel)}:${subscribeJson(result)}`)
      this.#goLive(this.#byChannel.get(channel)!, result, {})
    }
    this.#waiting = []
    this.#positions = NOWHERE
    return texts.join(',')
  }

  unsubscribe (channel: string): void {
    const subscription = this.#byChannel.get(channel)
    if (subscription !== undefined) this.#remove(subscription)
  }

  unsubscribeByServer (channel: string): void {
    const subscription = this.#byChannel.get(channel)
    if (subscription !== undefined) this.cancel(subscription, Unsubscribes.Server)
  }

  /** Publications are missing. The client comes back for them, by itself or, where it cannot know, after a disconnect. */
  lost (channel: string): void {
    const subscription = this.#byChannel.get(channel)
    if (subscription?.isPositioned !== true) return
    if (subscription.isServerSide) this.#client.connection.end(Disconnects.InsufficientState.code, 'server')
    else this.cancel(subscription, Unsubscribes.InsufficientState)
  }

  /** Ends a subscription, and tells the client why. */
  cancel (subscription: Subscription, { code, message }: ProtocolCode): void {
    const { channel, isLive } = subscription
    this.#remove(subscription)
    if (isLive) this.#client.connection.reply(pushFrame({ channel, unsubscribe: { code, reason: message } }))
  }

  /** The grant is another one, with another end. Returns the seconds until then. */
  renew (subscription: Subscription, grant: Grant): number | undefined {
    const { grants } = this.#client.host
    const { expiresAt } = grant
    if (expiresAt !== undefined && expiresAt <= Date.now()) throw new CommandError(Errors.TokenExpired)
    subscription.grant = grant
    this.#introduce(subscription)
    if (expiresAt === undefined) {
      grants.remove(subscription)
      return undefined
    }
    grants.add(subscription, expiresAt + REFRESH_GRACE)
    return secondsUntil(expiresAt)
  }

  /** What others see of the client is another. */
  introduce (): void {
    for (const subscription of this.#byChannel.values()) this.#introduce(subscription)
  }

  #introduce (subscription: Subscription): void {
    const info = this.#client.infoWith(this.#client.jsonOf(subscription.grant.info))
    if (info === subscription.info) return
    subscription.info = info
    if (subscription.isLive) showPresence(this.#client, subscription)
  }

  /** The connection is gone. */
  end (): void {
    this.#isEnded = true
    for (const subscription of this.#byChannel.values()) this.#remove(subscription)
  }

  #reserve (channel: string, options: ResolvedChannelOptions, isServerSide: boolean): Subscription {
    const subscription = new Subscription(this, channel, options, isServerSide)
    this.#byChannel.set(channel, subscription)
    return subscription
  }

  /** Does everything that takes time. What it returns makes the answer, and has to be called in the turn in which that is sent. */
  async #prepare (subscription: Subscription, wish: Wish, grant: Grant): Promise<() => SubscribeResult | undefined> {
    const { channel, options } = subscription
    if (!this.#has(subscription)) return () => undefined
    const ttl = this.renew(subscription, grant)
    const feed = subscription.feed = this.#client.host.feeds.hold(channel)
    await feed.settled()
    const older = isResume(wish, options) ? await feed.olderThanRecent(sinceOf(wish)) : []
    if (wish.recover === true) await this.#client.host.turnstile.pass(feed.recentBytes)
    const { replays, maxBuffered } = this.#client.host
    return () => this.#has(subscription) ? { ...beginningOf({ feed, options, wish, older, replays, maxBuffered }), ttl } : undefined
  }

  #goLive (subscription: Subscription, { positioned }: SubscribeResult, wish: Wish): void {
    const { connection, host } = this.#client
    const { channel, options } = subscription
    subscription.isLive = true
    subscription.isPositioned = positioned
    const isWatching = options.joinLeave && wish.join_leave === true
    host.registry.join(connection, channel, isNumbered(wish) ? 'numbered' : 'named', isWatching)
    tellJoin(this.#client, subscription)
  }

  #has (subscription: Subscription): boolean {
    return this.#byChannel.get(subscription.channel) === subscription
  }

  #remove (subscription: Subscription): void {
    if (!this.#has(subscription)) return
    const { connection, host } = this.#client
    const { channel } = subscription
    this.#byChannel.delete(channel)
    host.grants.remove(subscription)
    if (subscription.isLive) {
      host.registry.leave(connection, channel)
      tellLeave(this.#client, subscription)
    }
    if (subscription.feed !== undefined) host.feeds.release(channel)
  }
}
