import assert from 'node:assert/strict'
import type { FastifyInstance } from 'fastify'
import { type Client, type Closed, connect, inject } from './client.ts'

/** The error in a reply. */
export interface ErrorReply { readonly code: number, readonly message: string, readonly temporary?: boolean }

export interface Pub {
  readonly data: unknown
  readonly offset?: number
  readonly info?: { readonly user: string, readonly client: string, readonly conn_info?: unknown, readonly chan_info?: unknown }
}

/** What the results of all commands have between them. */
export interface Result {
  readonly client?: string
  readonly id?: number
  readonly data?: unknown
  readonly ping?: number
  readonly pong?: boolean
  readonly expires?: boolean
  readonly ttl?: number
  readonly subs?: Record<string, Result>
  readonly epoch?: string
  readonly offset?: number
  readonly recoverable?: boolean
  readonly positioned?: boolean
  readonly recovered?: boolean
  readonly was_recovering?: boolean
  readonly publications?: Pub[]
  readonly presence?: Record<string, NonNullable<Pub['info']>>
  readonly num_clients?: number
  readonly num_users?: number
}

export interface Push {
  readonly channel?: string
  readonly id?: number
  readonly pub?: Pub
  readonly join?: { readonly info: NonNullable<Pub['info']> }
  readonly leave?: { readonly info: NonNullable<Pub['info']> }
  readonly message?: { readonly data: unknown }
  readonly subscribe?: Result
  readonly unsubscribe?: { readonly code: number, readonly reason: string }
}

type Reply = { readonly id: number, readonly error?: ErrorReply } & Readonly<Record<string, Result | undefined>>

export interface ChannelOptions {
  /** In the handshake; '' for none. */
  token?: string
  headers?: Record<string, string>
  protocols?: string[]
  /** Whether the server's pings are answered. */
  pongs?: boolean
}

/** A client of `/ws/channels` that knows nothing but the format: commands out, replies by their id, pushes in order. */
export class ChannelClient {
  readonly client: Client
  readonly closed: Promise<Closed>
  /** What has been pushed and was not taken. */
  readonly pushes: Push[] = []
  /** Replies that nobody waited for. */
  readonly strays: Reply[] = []
  pings = 0
  #lastId = 0
  readonly #pongs: boolean
  readonly #waiting = new Map<number, (reply: Reply) => void>()
  readonly #readers: Array<(push: Push) => void> = []

  constructor (client: Client, pongs = true) {
    this.client = client
    this.closed = client.closed
    this.#pongs = pongs
    this.#read()
  }

  /** An open socket of which the server knows nothing yet, without a network. */
  static async open (app: FastifyInstance, { token = '', headers = {}, pongs = true }: ChannelOptions = {}): Promise<ChannelClient> {
    return new ChannelClient(await inject(app, '/ws/channels', { token, headers }), pongs)
  }

  /** The same over TCP. */
  static async dial (base: string, { token = '', protocols, headers = {}, pongs = true }: ChannelOptions = {}): Promise<ChannelClient> {
    return new ChannelClient(await connect(`${base}/ws/channels`, { token, headers, ...(protocols && { protocols }) }), pongs)
  }

  /** A client that has said `connect`, with its token in it. */
  static async join (app: FastifyInstance, token = 'alice', options: ChannelOptions = {}): Promise<ChannelClient> {
    const client = await ChannelClient.open(app, options)
    await client.ok('connect', { token })
    return client
  }

  async #read (): Promise<void> {
    for (;;) {
      const frame = await this.client.next()
      assert.equal(typeof frame, 'string', 'the server speaks text')
      for (const line of (frame as string).split('\n')) this.#take(JSON.parse(line))
    }
  }

  #take (message: Reply | { push: Push } | Record<string, never>): void {
    if (Object.keys(message).length === 0) {
      this.pings++
      if (this.#pongs) this.raw('{}')
    } else if ('push' in message) {
      const push = message.push as Push
      const reader = this.#readers.shift()
      if (reader === undefined) this.pushes.push(push)
      else reader(push)
    } else {
      const waiting = this.#waiting.get((message as Reply).id)
      this.#waiting.delete((message as Reply).id)
      if (waiting === undefined) this.strays.push(message as Reply)
      else waiting(message as Reply)
    }
  }

  /** A frame as it is. */
  raw (text: string | Buffer): void {
    this.client.send(text)
  }

  /** Sends a command and resolves with the whole reply. */
  call (method: string, request: unknown): Promise<Reply> {
    const id = ++this.#lastId
    const reply = this.reply(id)
    this.raw(JSON.stringify({ id, [method]: request }))
    return reply
  }

  /** The reply to a command that is sent by other means. */
  reply (id: number): Promise<Reply> {
    return new Promise(resolve => this.#waiting.set(id, resolve))
  }

  /** The result of a command. */
  async ok (method: string, request: unknown): Promise<Result> {
    const { error, id, ...rest } = await this.call(method, request)
    assert.equal(error, undefined, `${method}: ${JSON.stringify(error)}`)
    assert.deepEqual(Object.keys(rest), [method])
    return rest[method]!
  }

  /** The error of a command. */
  async error (method: string, request: unknown): Promise<ErrorReply> {
    const { error, id, ...rest } = await this.call(method, request)
    assert.deepEqual(rest, {})
    assert.ok(error !== undefined)
    return error
  }

  /** The code of the error of a command. */
  async code (method: string, request: unknown): Promise<number> {
    return (await this.error(method, request)).code
  }

  /** The next push that was not taken. */
  push (): Promise<Push> {
    const push = this.pushes.shift()
    if (push !== undefined) return Promise.resolve(push)
    return new Promise(resolve => this.#readers.push(resolve))
  }

  /** The data of the next `count` pushes, which are publications. */
  async data (count: number): Promise<unknown[]> {
    const data: unknown[] = []
    while (data.length < count) data.push((await this.push()).pub!.data)
    return data
  }

  /** Resolves when all that the server said before has arrived: what was not pushed by then, was not pushed. */
  async roundTrip (): Promise<void> {
    await this.ok('unsubscribe', { channel: 'nowhere' })
  }

  close (): Promise<Closed> {
    return this.client.close()
  }
}
