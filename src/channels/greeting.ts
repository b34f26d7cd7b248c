import type { FastifyRequest } from 'fastify'
import type { RawData, WebSocket } from 'ws'
import type { Principal } from '../core/principal.ts'
import type { Refusal } from '../handshake/auth-hook.ts'
import { acceptSocket } from '../routes/accept.ts'
import type { Stranger } from '../routes/shared.ts'
import { CommandError, Disconnects, Errors, type ProtocolCode } from './codes.ts'
import { type Command, decodeCommands, type Utterance } from './commands.ts'
import { errorFrame } from './encode.ts'
import type { ChannelHost } from './host.ts'
import { maxCommands, Session } from './session.ts'

type Connect = Extract<Command, { method: 'connect' }>

/** The socket is nobody's yet. */
export function greet (host: ChannelHost, socket: WebSocket, request: FastifyRequest): void {
  const greeting = new Greeting(host, socket, request)
  host.shared.strangers.add(greeting)
  host.greetings.add(greeting, Date.now() + host.handshakeTimeout)
  if (host.shared.isClosing) greeting.close()
}

/**
 * A socket on its way to be a connection: the first thing it has to say is `connect`, in time, with a token unless it brought one
 * to the handshake. Until then nothing of it is known but that it is there.
 */
class Greeting implements Stranger {
  readonly #host: ChannelHost
  readonly #socket: WebSocket
  readonly #request: FastifyRequest
  /** What came while the token was looked at; the rest of the chunk that was being read. */
  readonly #early: Array<[RawData, boolean]> = []
  #state: 'waiting' | 'authenticating' | 'refused' | 'over' = 'waiting'

  constructor (host: ChannelHost, socket: WebSocket, request: FastifyRequest) {
    this.#host = host
    this.#socket = socket
    this.#request = request
    socket.on('message', this.#onMessage)
    socket.on('close', this.#onClose)
    socket.on('error', ignore) // the close says it as well
  }

  stale (): void {
    this.#end(Disconnects.Stale)
  }

  close (): void {
    this.#end(Disconnects.Shutdown)
  }

  async shutDown (): Promise<void> {
    this.close()
    if (this.#socket.readyState === this.#socket.CLOSED) return
    // Not `once` of node:events, which rejects when a peer breaks the protocol meanwhile.
    await new Promise(resolve => this.#socket.once('close', resolve))
  }

  terminate (): void {
    this.#socket.terminate()
  }

  readonly #onMessage = (data: RawData, isBinary: boolean): void => {
    if (this.#state === 'authenticating') this.#early.push([data, isBinary])
    else if (this.#state === 'waiting') this.#greet(data, isBinary)
    else this.#end(Disconnects.BadRequest)
  }

  readonly #onClose = (): void => {
    this.#state = 'over'
    this.#leave()
    this.#host.shared.closing.remove(this)
  }

  #greet (data: RawData, isBinary: boolean): void {
    const [connect, ...rest] = (isBinary ? undefined : decodeCommands(String(data), maxCommands(this.#host))) ?? []
    if (connect?.method !== 'connect') return this.#end(Disconnects.BadRequest)
    this.#state = 'authenticating'
    this.#socket.pause()
    this.#introduce(connect, rest)
  }

  async #introduce (connect: Connect, rest: readonly Utterance[]): Promise<void> {
    const { token } = connect.request
    const principal = token === undefined || token === '' ? this.#request.principal ?? 'invalid' : await this.#host.gate.identify(token, this.#request)
    if (this.#state !== 'authenticating') return
    this.#socket.resume()
    if (typeof principal === 'string') return this.#refuse(principal, connect.id)
    this.#become(principal, connect, rest)
  }

  #refuse (refusal: Refusal, id: number): void {
    if (refusal === 'invalid') return this.#end(Disconnects.InvalidToken)
    this.#state = 'refused'
    this.#socket.send(errorFrame(id, new CommandError(Errors.TokenExpired)).payload, { binary: false })
  }

  #become (principal: Principal, connect: Connect, rest: readonly Utterance[]): void {
    const { gate, shared } = this.#host
    try {
      gate.enterAs(this.#request, principal.id)
    } catch {
      return this.#end(Disconnects.ConnectionLimit)
    }
    this.#state = 'over'
    this.#leave()
    this.#socket.off('message', this.#onMessage).off('close', this.#onClose).off('error', ignore)
    this.#request.principal = principal
    let session: Session | undefined
    acceptSocket(shared, this.#socket, this.#request, 'channels', connection => {
      session = new Session(this.#host, this.#socket, this.#request, connection, connect)
      return session
    })
    session?.take(rest)
    for (const [data, isBinary] of this.#early) session?.onMessage(data, isBinary)
  }

  #leave (): void {
    this.#host.greetings.remove(this)
    this.#host.shared.strangers.delete(this)
  }

  #end ({ code, message }: ProtocolCode): void {
    if (this.#state === 'over') return
    this.#state = 'over'
    this.#host.greetings.remove(this)
    this.#request.log.info({ code, reason: message, route: 'channels' }, 'channel client turned away')
    this.#host.shared.closing.add(this, Date.now() + this.#host.shared.closeTimeout)
    this.#socket.close(code, message)
    this.#socket.resume()
  }
}

function ignore (): void {}
