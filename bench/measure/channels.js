import { Station } from '../lib/station.js'

/**
 * CPU time of the server per publication to a channel with one subscriber, in microseconds. The publications go to the
 * channels of one connection, so that there is as much to write whatever other channels there are.
 */
export async function createPublish ({ clients, perTurn, window, size, turns }, { peer, subscribers, channels }, { isWarm, profileTo }) {
  const station = await Station.open(peer, { profileTo })
  await station.connect('subscriber', { clients, query: `?number=NUMBER&subscribers=${subscribers}&channels=${channels}` })
  const stats = await station.server.call('stats')
  if (stats.channels !== subscribers * channels) throw new Error(`${stats.channels} channels instead of ${subscribers * channels}`)

  return {
    async warmUp () { if (isWarm) await run() },
    round: run,
    end: () => station.end()
  }

  async function run () {
    const { result, cpu } = await station.costOf(() => station.push({ turns, perTurn, window, size, channels, first: 0 }, 1))
    await station.load.call('verifyReceived', { first: 0, messages: turns * perTurn, receivers: 1 })
    return { figure: cpu / result.messages, deliveries: result.messages }
  }
}
