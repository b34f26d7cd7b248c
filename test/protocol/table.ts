import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import type { TestContext } from 'node:test'
import { buildApp, listen, type TestApp } from '../helpers/app.ts'
import { type Client, connect } from '../helpers/client.ts'
import { type RawEnd, RawClient } from '../helpers/raw-client.ts'
import { until } from '../helpers/until.ts'
import { BINARY, closeFrame, PONG, TEXT } from './bytes.ts'
import type { Expected } from './row.ts'

/** What became of a connection. */
export interface Outcome {
  readonly echoes: ReadonlyArray<string | Buffer>
  /** One character for each byte. */
  readonly pongs: readonly string[]
  readonly end: RawEnd
  /** Code and culprit in the log line of the end, of which there is one. */
  readonly told: readonly unknown[]
}

/** The whole outcome that goes with an expectation. */
export function outcomeOf ({ echoes = [], pongs = [], end = 1000, reason = '', fault, isCut = false }: Expected): Outcome {
  if (fault !== undefined) return { echoes, pongs, end: { code: fault, reason: '' }, told: [fault, 'protocol error'] }
  if (isCut) return { echoes, pongs, end: 'dropped', told: [1006, 'client'] }
  return { echoes, pongs, end: { code: end, reason }, told: [end, 'client'] }
}

/** A server with the echo route whose side of every TCP connection can be looked at, and one client that is always well. */
export class Table {
  readonly #app: TestApp
  readonly #base: string
  readonly #healthy: Client
  readonly #wires: Map<number | undefined, Socket>
  #count = 0

  private constructor (app: TestApp, base: string, wires: Map<number | undefined, Socket>, healthy: Client) {
    this.#app = app
    this.#base = base
    this.#wires = wires
    this.#healthy = healthy
  }

  static async lay (t: TestContext, maxPayload: number): Promise<Table> {
    const authenticate = (token: string) => ({ id: token, permissions: ['echo'] })
    const app = await buildApp(t, { auth: { authenticate }, limits: { maxPayload } })
    const wires = new Map<number | undefined, Socket>()
    app.server.on('connection', wire => {
      const { remotePort } = wire
      wires.set(remotePort, wire)
      wire.on('close', () => wires.delete(remotePort))
    })
    const base = await listen(app)
    return new Table(app, base, wires, await connect(`${base}/ws/echo`, { token: 'healthy' }))
  }

  /**
   * Sends these pieces, each of which the server has read before the next one goes out: that is what makes them pieces to
   * it as well. What is expected says only how to come to an end.
   */
  async play (pieces: readonly Uint8Array[], { end, fault, isCut }: Expected): Promise<Outcome> {
    const name = `client-${this.#count++}`
    const client = await RawClient.connect(this.#base, '/ws/echo', name)
    const wire = this.#wires.get(client.socket.localPort)!
    let read = wire.bytesRead
    for (const piece of pieces) {
      // What is left of a broken sequence has nobody to go to.
      if (!client.socket.writable) break
      client.socket.write(piece)
      read += piece.length
      await until(() => wire.bytesRead >= read || wire.destroyed)
    }
    if (isCut) client.socket.end()
    else if (end === undefined && fault === undefined) client.socket.write(closeFrame(1000))
    const ended = await client.ended
    await until(() => this.#app.realtime.connections.ofPrincipal(name).size === 0)
    const lines = this.#app.logged.filter(({ msg, principal }) => msg === 'connection ended' && principal === name)
    return {
      echoes: client.framesOf(TEXT, BINARY).map(({ opcode, payload }) => opcode === TEXT ? payload.toString() : payload),
      pongs: client.framesOf(PONG).map(({ payload }) => payload.toString('latin1')),
      end: ended,
      told: lines.flatMap(({ code, endedBy }) => [code, endedBy])
    }
  }

  /** The one who did nothing is still served, and is all that is left. */
  async assertUnharmed (): Promise<void> {
    const word = `word ${this.#count}`
    this.#healthy.send(word)
    assert.equal(await this.#healthy.next(), word)
    const { connections } = this.#app.realtime
    assert.deepEqual(Array.from(connections, ({ principal }) => principal.id), ['healthy'])
    assert.equal(connections.size, 1)
    this.#app.logged.length = 0
  }
}
