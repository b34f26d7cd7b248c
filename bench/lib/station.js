import { fileURLToPath } from 'node:url'
import { Child, LOAD_CORE, SERVER_CORE } from './child.js'
import { peers } from './peers.js'

const loadFile = fileURLToPath(new URL('../load/load.js', import.meta.url))

/** A server and its load. */
export class Station {
  /** @type {Child} */
  server
  /** @type {Child} */
  load
  port
  #peer

  /**
   * @param {string} name of the peer
   * @param {{ serverOptions?: object, profileTo?: string | undefined, nodeFlags?: string[] }} options
   */
  static async open (name, { serverOptions = {}, profileTo, nodeFlags = [] } = {}) {
    const station = new Station()
    const peer = peers[name]
    const [program, ...args] = peer.argv
    station.#peer = peer
    station.server = new Child(SERVER_CORE, [program, ...nodeFlags, ...args, JSON.stringify({ ...peer.options, ...serverOptions, profileTo })])
    station.load = new Child(LOAD_CORE, [process.execPath, '--max-semi-space-size=64', loadFile])
    const { port } = await station.server.once('listening')
    station.port = port
    station.load.on('progress', progress => station.server.tell('progress', progress))
    return station
  }

  /** Where a chat or an echo is. */
  route (kind) {
    return this.#peer.routes[kind]
  }

  /** What channel clients subscribe to when they connect to be pushed to. */
  get channel () {
    return this.#peer.channel
  }

  connect (kind, options) {
    return this.load.call('connect', { port: this.port, path: this.route(kind), protocol: this.#peer.protocol, ...options })
  }

  /** Runs the work and returns its result, what it cost the server in CPU time, in microseconds, and how busy that kept it. */
  async costOf (work) {
    await this.server.call('start')
    const begin = performance.now()
    const result = await work()
    const cpu = await this.server.call('stop')
    return { result, cpu, busy: cpu / 1_000 / (performance.now() - begin) }
  }

  /** Has the server push, and waits until everything has arrived. */
  async push (work, receivers) {
    const isReceiving = this.load.once('receiving')
    const arrival = this.load.call('receive', { ...work, receivers })
    await isReceiving
    const pushing = this.server.call('push', work)
    const [totals] = await Promise.all([arrival, pushing])
    return totals
  }

  async end () {
    await this.load.end()
    await this.server.end()
  }
}
