import { jsonOf, payloadOf } from '../backplane/payload.ts'
import { hasPermission } from '../core/principal.ts'
import type { ChannelClient } from './client.ts'
import { CommandError, Disconnect, Disconnects, Errors } from './codes.ts'
import type { Method, RequestOf } from './commands.ts'
import type { Result } from './encode.ts'
import { history } from './history.ts'
import { REFRESH_GRACE, secondsUntil } from './host.ts'
import type { Subscriptions } from './subscriptions.ts'
import { VERSION } from './version.ts'

/** About what a member takes in a reply. */
const MEMBER_BYTES = 100

/** Whose command it is. */
export interface Caller {
  readonly client: ChannelClient
  readonly subscriptions: Subscriptions
}

/** @param reply takes the result; what is thrown is the reply otherwise */
type Operation<M extends Method> = (caller: Caller, request: RequestOf<M>, reply: (result: Result) => void) => void | Promise<void>

/** What each command does. */
export const operations: { readonly [M in Method]: Operation<M> } = {
  connect () {
    throw new Disconnect(Disconnects.BadRequest) // it has been said
  },

  subscribe: ({ subscriptions }, request, reply) => subscriptions.subscribe(request, reply),

  unsubscribe ({ subscriptions }, { channel }, reply) {
    subscriptions.unsubscribe(channel)
    reply({ json: '{}' })
  },

  async publish ({ client, subscriptions }, { channel, data }, reply) {
    client.optionsOf(channel)
    await client.authorize('publish', channel)
    const payload = badRequestIfNot(() => payloadOf(data))
    const info = subscriptions.get(channel)?.info ?? client.infoWith(undefined)
    await client.host.feeds.publish(channel, { type: 'publication', payload, info })
    reply({ json: '{}' })
  },

  async presence ({ client }, { channel }, reply) {
    if (!client.optionsOf(channel).presence) throw new CommandError(Errors.NotAvailable)
    await client.authorize('presence', channel)
    const members = await client.host.backplane.presence.list(channel)
    await client.host.turnstile.pass(members.length * MEMBER_BYTES)
    reply({ json: `{"presence":{${members.map(({ client: id, info }) => `"${id}":${info}`).join(',')}}}` })
  },

  async presence_stats ({ client }, { channel }, reply) {
    if (!client.optionsOf(channel).presence) throw new CommandError(Errors.NotAvailable)
    await client.authorize('presence', channel)
    const { clients, users } = await client.host.backplane.presence.count(channel)
    reply({ json: `{"num_clients":${clients},"num_users":${users}}` })
  },

  history: ({ client }, request, reply) => history(client, request, reply),

  async rpc ({ client }, { method = '', data }, reply) {
    const { handlers } = client.host
    if (!handlers.hasMethods) throw new CommandError(Errors.NotAvailable)
    const called = handlers.method(method)
    if (called === undefined) throw new CommandError(Errors.MethodNotFound)
    const { permission, check, handler } = called
    if (permission !== undefined && !hasPermission(client.connection.principal, permission)) throw new CommandError(Errors.PermissionDenied)
    badRequestIfNot(() => {
      if (check === undefined || check.Check(data)) return
      const first = check.Errors(data).First()
      throw new CommandError(Errors.BadRequest, `${first?.path || 'params'}: ${first?.message ?? 'invalid'}`)
    })
    const result = await handler(client.connection, data as never)
    reply({ json: result === undefined ? '{}' : `{"data":${jsonOf(result)}}` })
  },

  async send ({ client }, { data }) {
    const { onMessage } = client.host.handlers
    if (onMessage === undefined) throw new Disconnect(Disconnects.NotAvailable)
    await onMessage(client.connection, data)
  },

  async refresh ({ client, subscriptions }, { token }, reply) {
    const { connection, host } = client
    const principal = await host.gate.identify(token, client.request)
    if (principal === 'expired') throw new CommandError(Errors.TokenExpired)
    if (principal === 'invalid' || principal.id !== connection.principal.id) throw new Disconnect(Disconnects.InvalidToken)
    if (!connection.isOpen) return // it has ended meanwhile, and its expiry with it
    connection.principal = principal
    client.introduce()
    subscriptions.introduce()
    const { expiresAt } = principal
    if (expiresAt === undefined) host.shared.expiry.remove(connection)
    else host.shared.expiry.add(connection, expiresAt + REFRESH_GRACE)
    reply({ json: JSON.stringify({ client: connection.id, version: VERSION, ...(expiresAt !== undefined && { expires: true, ttl: secondsUntil(expiresAt) }) }) })
  },

  async sub_refresh ({ client, subscriptions }, { channel, token }, reply) {
    const subscription = subscriptions.get(channel)
    if (subscription === undefined || subscription.isServerSide) throw new CommandError(Errors.PermissionDenied)
    const grant = await client.authorize('subscribe', channel, token)
    if (subscriptions.get(channel) !== subscription) throw new CommandError(Errors.PermissionDenied)
    const ttl = subscriptions.renew(subscription, grant)
    reply({ json: JSON.stringify(ttl === undefined ? {} : { expires: true, ttl }) })
  }
}

/** What the client sent may be nested deeper than it can be looked at. */
function badRequestIfNot<T> (look: () => T): T {
  try {
    return look()
  } catch (error) {
    throw error instanceof CommandError ? error : new CommandError(Errors.BadRequest, 'data')
  }
}
