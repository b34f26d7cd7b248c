import { setTimeout as delay } from 'node:timers/promises'
import { Station } from '../lib/station.js'

const WARM_UP_CLIENTS = 200

/**
 * The young generation grows in steps of megabytes with the garbage of connecting, and stays: it says how lately the last
 * step was, not what a connection keeps. Both servers get one of fixed size.
 */
const FIXED_YOUNG_GENERATION = ['--max-semi-space-size=1']

/**
 * Physical memory of the server per idle connection, in KiB, from none to all of them: it contains what the heap grows in
 * steps. A second batch on top of a first is no way around that, it measures which of the two servers was due for a step
 * just then, and gives less than the objects of a connection take. Each round has a server of its own.
 */
export async function createMemory ({ clients }, { peer }) {
  return {
    warmUp () {},
    async round () {
      const station = await Station.open(peer, { nodeFlags: FIXED_YOUNG_GENERATION })
      await warm(station, clients)
      const before = await station.server.call('memory')
      await station.connect('chat', { clients })
      const after = await station.server.call('memory')
      await station.end()
      return { figure: (after - before) / clients / 1_024, deliveries: clients }
    },
    end () {}
  }
}

/** CPU time of the server per connection made, in microseconds. Each round has a server of its own. */
export async function createConnect ({ clients }, { peer }, { profileTo }) {
  return {
    warmUp () {},
    async round () {
      const station = await Station.open(peer, { profileTo })
      await warm(station, clients)
      const { cpu } = await station.costOf(() => station.connect('chat', { clients }))
      await station.end()
      return { figure: cpu / clients, deliveries: clients }
    },
    end () {}
  }
}

/** The first connections make the server load and compile what all of them use. */
async function warm (station, clients) {
  await station.connect('chat', { clients: Math.min(WARM_UP_CLIENTS, clients) })
  await station.load.call('disconnect')
  await delay(200)
}

/** The longest block of the loop while the heartbeat runs over many idle connections, in ms. */
export async function createHeartbeat ({ clients, interval, timeout, duration }, { peer }, { profileTo }) {
  return {
    warmUp () {},
    async round () {
      const station = await Station.open(peer, { serverOptions: { heartbeat: { interval, timeout } }, profileTo })
      await station.connect('chat', { clients })
      await station.load.call('heartbeats')
      const { max, p99, collection } = await station.server.call('loopDelay', { ms: duration })
      const { pings, lost } = await station.load.call('heartbeats')
      const { connections, heartbeatTimeouts } = await station.server.call('stats')
      await station.end()
      if (lost > 0 || connections !== clients || heartbeatTimeouts > 0) throw new Error(`${clients - connections} connections lost, ${heartbeatTimeouts} by the heartbeat`)
      // One ping in each interval, give or take what the beginning and the end cut off.
      const expected = clients * (duration / interval - 1)
      if (pings < expected) throw new Error(`${pings} pings in ${duration} ms, at least ${expected} were due`)
      return { figure: max, p99, collection, deliveries: pings }
    },
    end () {}
  }
}
