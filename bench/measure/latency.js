import { Station } from '../lib/station.js'

/** From the write of a message to its receipt, in ms: the median is the figure, and the 99th percentile goes with it. */
export async function createLatency ({ clients, rate, seconds, size }, { peer }, { isWarm, profileTo }) {
  const station = await Station.open(peer, { profileTo })
  await station.connect('chat', { clients })

  return {
    async warmUp () { if (isWarm) await run() },
    round: run,
    end: () => station.end()
  }

  async function run () {
    const { result, cpu } = await station.costOf(() => station.load.call('latency', { rate, seconds, size, route: station.route('chat') }))
    const expected = rate * seconds * (clients - 1)
    if (result.messages !== expected) throw new Error(`${peer} delivered ${result.messages} messages instead of ${expected}`)
    return { figure: result.p50, p99: result.p99, cpu: cpu / expected, deliveries: expected }
  }
}
