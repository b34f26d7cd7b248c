import type { FastifyRequest } from 'fastify'
import type { RawData, WebSocket } from 'ws'
import { jsonOf } from '../backplane/payload.ts'
import { CloseCode } from '../close-codes.ts'
import type { Frame } from '../core/frame.ts'
import type { HeartbeatOptions } from '../core/heartbeat.ts'
import type { EndedBy, Speaker } from '../core/speaker.ts'
import { isThrown, logThrown } from '../core/thrown.ts'
import { TokenBucket } from '../core/token-bucket.ts'
import { Inbox, type InboxOwner } from '../routes/inbox.ts'
import type { AppConnection, Server } from '../routes/shared.ts'
import { ChannelClient } from './client.ts'
import { CommandError, Disconnect, Disconnects, Errors, farewell } from './codes.ts'
import { decodeCommands, PONG, type RequestOf, type Utterance } from './commands.ts'
import { errorFrame, messageFrame, PING, replyFrame, type Result } from './encode.ts'
import { type ChannelHost, REFRESH_GRACE, secondsUntil } from './host.ts'
import { operations } from './operations.ts'
import { Subscriptions } from './subscriptions.ts'
import { VERSION } from './version.ts'

/** A channel client that has said `connect`: its commands one at a time, in order, and what its connection does in its own way. */
export class Session implements Server, Speaker, InboxOwner<Utterance> {
  readonly client: ChannelClient
  readonly subscriptions: Subscriptions
  readonly ping = PING
  readonly grace = REFRESH_GRACE
  readonly #host: ChannelHost
  readonly #connection: AppConnection
  readonly #socket: WebSocket
  readonly #inbox: Inbox<Utterance> = new Inbox(this)
  readonly #bucket: TokenBucket | undefined
  /** What the client said of itself, until it is welcome. */
  #introduction: { id: number, data: unknown } | undefined
  /** Messages of `onConnect`, which wait for the connect reply. */
  #deferred: Frame[] = []

  constructor (host: ChannelHost, socket: WebSocket, request: FastifyRequest, connection: AppConnection, { id, request: connect }: { id: number, request: RequestOf<'connect'> }) {
    this.#host = host
    this.#connection = connection
    this.client = new ChannelClient(host, connection, request)
    this.#socket = socket
    this.#bucket = host.shared.messageRate === false ? undefined : new TokenBucket(host.shared.messageRate)
    this.subscriptions = new Subscriptions(this.client, new Map(Object.entries(connect.subs ?? {})))
    connection.speaker = this
    this.#introduction = { id, data: connect.data }
  }

  get rhythm (): HeartbeatOptions | undefined {
    return this.#host.rhythm
  }

  open (): void {
    // Revoked while it was authenticated, or come into a shutdown: the application has never seen it.
    if (this.#connection.endedBy === undefined) this.#inbox.hold(this.#welcome(this.#introduction!))
    this.#introduction = undefined
  }

  async #welcome ({ id, data }: { id: number, data: unknown }): Promise<void> {
    const { connection, host } = this.client
    try {
      // Without a handler nothing is waited for: the reply leaves in the turn in which the command came.
      let answer: unknown
      if (host.handlers.onConnect !== undefined) {
        answer = await host.handlers.onConnect(connection, data)
        await this.subscriptions.settled()
      }
      const { expiresAt } = connection.principal
      this.client.isConnected = true
      const json = jsonOf({
        client: connection.id,
        version: VERSION,
        node: host.instanceId,
        ...(host.rhythm !== undefined && { ping: Math.ceil(host.rhythm.interval / 1_000), pong: true }),
        ...(expiresAt !== undefined && { expires: true, ttl: secondsUntil(expiresAt) }),
        ...(answer !== undefined && { data: answer })
      })
      const subs = this.subscriptions.welcome()
      connection.reply(replyFrame(id, 'connect', { json: subs === '' ? json : `${json.slice(0, -1)},"subs":{${subs}}}` }))
      for (const frame of this.#deferred.splice(0)) connection.reply(frame)
    } catch (error) {
      this.#fail(error, 'onConnect failed')
    }
  }

  onMessage (data: RawData, isBinary: boolean): void {
    if (this.#connection.endedBy !== undefined) return
    if (this.isPong(data)) return this.take([PONG])
    const commands = isBinary ? undefined : decodeCommands(String(data), maxCommands(this.#host))
    if (commands === undefined) this.#connection.end(Disconnects.BadRequest.code, 'protocol error')
    else this.take(commands)
  }

  take (commands: readonly Utterance[]): void {
    const { messageRate } = this.#host.shared
    for (const command of commands) {
      if (messageRate !== false && messageRate.onExceed === 'close' && this.#bucket!.take() > 0) {
        return this.#connection.end(CloseCode.TooManyMessages, 'message rate')
      }
      this.#inbox.push(command)
    }
  }

  isPong (data: RawData): boolean {
    return (data as Buffer).length === 2 && String(data) === '{}'
  }

  onEnd (): void {
    this.#inbox.clear()
    this.subscriptions.end()
  }

  // For the inbox.

  delay (): number {
    const { messageRate } = this.#host.shared
    return messageRate !== false && messageRate.onExceed === 'pause' ? this.#bucket!.take() : 0
  }

  pause (): void {
    this.#socket.pause()
  }

  resume (): void {
    this.#socket.resume()
  }

  async handle (command: Utterance): Promise<void> {
    if (this.#connection.endedBy !== undefined || command.method === 'pong') return
    try {
      if (command.method === 'bad') throw new CommandError(Errors.BadRequest, command.detail)
      const operation = operations[command.method] as (caller: Session, request: unknown, reply: (result: Result) => void) => void | Promise<void>
      await operation(this, command.request, result => this.#connection.reply(replyFrame(command.id, command.method, result)))
    } catch (error) {
      this.#answer(command, error)
    }
  }

  #answer (command: Exclude<Utterance, typeof PONG>, error: unknown): void {
    const { id, method } = command
    const { log } = this.#connection
    if (isThrown(error, Disconnect)) return this.#connection.end(error.code, 'protocol error')
    // Nobody waits for a reply to it, whatever its id.
    if (method === 'send') return this.#fail(error, 'onMessage failed')
    const about = { command: method, ...('request' in command && aboutOf(command.request)) }
    if (isThrown(error, CommandError)) {
      log.debug({ ...about, code: error.code, reason: error.message }, 'command refused')
      this.#connection.reply(errorFrame(id, error))
      return
    }
    this.#host.shared.counts.handlerErrors++
    logThrown(log, 'error', error, 'command failed', about)
    this.#connection.reply(errorFrame(id, new CommandError(Errors.Internal)))
  }

  #fail (error: unknown, message: string): void {
    this.#host.shared.counts.handlerErrors++
    logThrown(this.#connection.log, 'error', error, message)
    this.#connection.end(CloseCode.InternalError, 'handler error')
  }

  // For the connection.

  get isConnected (): boolean {
    return this.client.isConnected
  }

  frameOf (data: string | Uint8Array): Frame {
    return messageFrame(data)
  }

  defer (frame: Frame): void {
    this.#deferred.push(frame)
  }

  farewell (code: number, endedBy: EndedBy, reason: string | undefined): { code: number, reason: string } {
    return farewell(code, endedBy, reason)
  }

  subscribe (channel: string): Promise<void> {
    return this.subscriptions.subscribeByServer(channel)
  }

  async unsubscribe (channel: string): Promise<void> {
    this.subscriptions.unsubscribeByServer(channel)
  }

  lost (channel: string): void {
    this.subscriptions.lost(channel)
  }

  unfit (): void {
    this.#connection.end(Disconnects.InappropriateProtocol.code, 'protocol error')
  }
}

/** What a command was about, for the log: no token, no data. */
function aboutOf (request: object): { channel?: unknown, method?: unknown } {
  return { ...('channel' in request && { channel: request.channel }), ...('method' in request && { method: request.method }) }
}

/** Commands in a frame: a client that comes back subscribes to everything in one. */
export function maxCommands ({ options }: ChannelHost): number {
  return 1_000 + options.maxChannelsPerConnection
}
