import { once } from 'node:events'
import type { FastifyInstance } from 'fastify'
import { WebSocket } from 'ws'
import { bearer } from './app.ts'

export interface Closed {
  readonly code: number
  readonly reason: string
}

/** A WebSocket client whose messages are read one by one. Text arrives as a string, binary as a Buffer. */
export class Client {
  readonly socket: WebSocket
  readonly closed: Promise<Closed>
  readonly #received: Array<string | Buffer> = []
  readonly #readers: Array<(message: string | Buffer) => void> = []

  constructor (socket: WebSocket) {
    this.socket = socket
    socket.on('message', (data: Buffer, isBinary: boolean) => {
      const message = isBinary ? data : data.toString()
      const reader = this.#readers.shift()
      if (reader === undefined) this.#received.push(message)
      else reader(message)
    })
    socket.on('error', () => {}) // every test looks at how the connection ended instead
    this.closed = new Promise(resolve => {
      socket.on('close', (code: number, reason: Buffer) => resolve({ code, reason: reason.toString() }))
    })
  }

  /** The next message that has not been read yet. */
  next (): Promise<string | Buffer> {
    const message = this.#received.shift()
    if (message !== undefined) return Promise.resolve(message)
    return new Promise(resolve => this.#readers.push(resolve))
  }

  /** The next `count` messages, in order. */
  async take (count: number): Promise<Array<string | Buffer>> {
    const messages: Array<string | Buffer> = []
    while (messages.length < count) messages.push(await this.next())
    return messages
  }

  /** What has arrived and was not read. */
  get unread (): ReadonlyArray<string | Buffer> {
    return this.#received
  }

  send (data: string | Buffer): void {
    this.socket.send(data)
  }

  /** Resolves when everything the server sent before has arrived here, and the other way round. */
  async roundTrip (): Promise<void> {
    this.socket.ping()
    await once(this.socket, 'pong')
  }

  async close (): Promise<Closed> {
    this.socket.close()
    return this.closed
  }
}

/**
 * Connects without a network, through `injectWS`. Its clients do not answer pings by themselves: this one does, unless
 * it is to play a dead peer.
 */
export async function inject (app: FastifyInstance, path: string, { token = 'alice', pongs = true, headers = {} }: { token?: string, pongs?: boolean, headers?: Record<string, string> } = {}): Promise<Client> {
  const upgrade = { headers: { ...(token === '' ? {} : bearer(token)), ...headers } }
  let client!: Client
  await app.injectWS(path, upgrade as Parameters<typeof app.injectWS>[1], {
    onInit (socket) {
      client = new Client(socket)
      if (pongs) socket.on('ping', data => { socket.pong(data) })
    }
  })
  return client
}

/** Connects over TCP. Rejects with the status of a refused upgrade in the message. */
export async function connect (url: string, { token = 'alice', protocols, headers = {} }: { token?: string, protocols?: string[], headers?: Record<string, string> } = {}): Promise<Client> {
  const socket = new WebSocket(url, protocols ?? [], { headers: { ...(token === '' ? {} : bearer(token)), ...headers } })
  const client = new Client(socket)
  await once(socket, 'open')
  return client
}
