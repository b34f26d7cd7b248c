import type { ChannelClient } from './client.ts'

/** What presence needs to know of a subscription. */
interface Presence {
  readonly channel: string
  readonly options: { readonly presence: boolean, readonly joinLeave: boolean }
  /** JSON text of what others see. */
  readonly info: string
}

const NOTHING = { format: 'json', data: 'null' } as const

/** Somebody is in a channel from now on: those who ask find it, and those who want to hear of it are told. */
export function tellJoin (client: ChannelClient, presence: Presence): void {
  const { channel, options, info } = presence
  showPresence(client, presence)
  if (options.joinLeave) complain(client, client.host.feeds.publish(channel, { type: 'join', payload: NOTHING, info }))
}

/** Who asks from now on finds somebody in the channel, with this info. */
export function showPresence (client: ChannelClient, { channel, options, info }: Presence): void {
  const { id, principal } = client.connection
  if (options.presence) complain(client, client.host.backplane.presence.join(channel, { client: id, user: principal.id, info }))
}

export function tellLeave (client: ChannelClient, { channel, options, info }: Presence): void {
  const { backplane, feeds } = client.host
  if (options.presence) complain(client, backplane.presence.leave(channel, client.connection.id))
  if (options.joinLeave) complain(client, feeds.publish(channel, { type: 'leave', payload: NOTHING, info }))
}

/** Presence is not worth a connection: when the engine is away, a line in the log has to do. */
function complain (client: ChannelClient, promise: Promise<unknown>): void {
  promise.catch(error => client.connection.log.warn({ err: error }, 'presence could not be told'))
}
