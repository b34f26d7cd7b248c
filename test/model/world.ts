import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import type { Connection, RealtimeStats } from '../../src/index.ts'
import { buildApp, listen, type TestApp } from '../helpers/app.ts'
import { type Client, type Closed, connect, inject } from '../helpers/client.ts'
import { until } from '../helpers/until.ts'
import { OWN_ROUTE, type Peer } from './model.ts'

/** Ms that anything may take. What takes longer is found to differ from the model, and fast-check says by which steps. */
const PATIENCE = 5_000

const permissions: Record<string, string[]> = { listener: ['echo', 'subscribe:*'] }

/** One connection as it is: its client, and what the server has of it. */
export interface RealPeer {
  readonly client: Client
  readonly connection: Connection
  pongs: number
  closed: Closed | undefined
}

/** A real application with real connections. */
export class World {
  readonly app: TestApp
  readonly peers = new Map<number, RealPeer>()
  /** The codes that the close handler of each connection on the own route was called with. */
  readonly closeCalls: Map<string, number[]>
  /** The totals when this run began. */
  since: RealtimeStats
  readonly #base: string
  #latest: Connection | undefined = undefined

  private constructor (app: TestApp, base: string, closeCalls: Map<string, number[]>) {
    this.app = app
    this.#base = base
    this.closeCalls = closeCalls
    this.since = app.realtime.stats()
  }

  static async create (t: TestContext): Promise<World> {
    const closeCalls = new Map<string, number[]>()
    const app = await buildApp(t, {
      // A token is a name, or a name and the ms it is good for.
      auth: {
        authenticate (token) {
          const [id, lifetime] = token.split('@') as [string, string | undefined]
          return { id, permissions: permissions[id] ?? ['*'], ...(lifetime === undefined ? {} : { expiresAt: Date.now() + Number(lifetime) }) }
        }
      },
      routes: app => app.realtime.route({ url: OWN_ROUTE }, {
        message (_connection, message) {
          if (message === '!') throw new Error('It was to fail')
          if (message === '?') return Promise.reject(new Error('It was to fail later'))
          return { heard: String(message) }
        },
        close (connection, code) { closeCalls.set(connection.id, [...closeCalls.get(connection.id) ?? [], code]) }
      })
    })
    const world = new World(app, await listen(app), closeCalls)
    // The plugin takes the socket in right behind this event. Later, its credentials may have ended already.
    app.websocketServer.on('connection', () => queueMicrotask(() => { world.#latest = [...app.realtime.connections].at(-1) }))
    return world
  }

  /** Connects over TCP or without a network. */
  async connect ({ key, principal, route, channel }: Peer, isOverTcp: boolean, lifetime?: number): Promise<RealPeer> {
    this.#latest = undefined
    const path = route === 'broadcast' ? `/ws/broadcast?channel=${channel}` : route === 'echo' ? '/ws/echo' : `/ws${route}`
    const token = lifetime === undefined ? principal : `${principal}@${lifetime}`
    const client = isOverTcp ? await connect(this.#base + path, { token }) : await inject(this.app, path, { token })
    const connection = this.#latest as Connection | undefined
    assert.ok(connection !== undefined && connection.route === route && connection.principal.id === principal)
    const peer: RealPeer = { client, connection, pongs: 0, closed: undefined }
    client.socket.on('pong', () => { peer.pongs++ })
    client.closed.then(closed => { peer.closed = closed })
    this.peers.set(key, peer)
    return peer
  }

  of ({ key }: Peer): RealPeer {
    return this.peers.get(key)!
  }

  async until (condition: () => boolean): Promise<void> {
    const deadline = performance.now() + PATIENCE
    await until(() => condition() || performance.now() > deadline)
  }

  /** Resolves when both sides know all that was said before. */
  async roundTrip (peers: readonly Peer[]): Promise<void> {
    const goals = peers.map(peer => {
      const real = this.of(peer)
      real.client.socket.ping()
      return { real, goal: real.pongs + 1 }
    })
    await this.until(() => goals.every(({ real, goal }) => real.pongs >= goal))
  }

  /** Resolves when the connection has ended on both sides. */
  async gone (peer: Peer): Promise<void> {
    const real = this.of(peer)
    const { connection } = real
    await this.until(() => connection.signal.aborted && real.closed !== undefined)
    if (peer.route === OWN_ROUTE) await this.until(() => this.closeCalls.has(connection.id))
  }

  /** Ends whatever a run has left, so that the next one begins with nobody. */
  async clear (): Promise<void> {
    for (const { client } of this.peers.values()) client.socket.terminate()
    await this.until(() => this.app.realtime.connections.size === 0)
    this.peers.clear()
    this.closeCalls.clear()
    this.app.logged.length = 0
    this.since = this.app.realtime.stats()
  }
}
