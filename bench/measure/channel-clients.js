import { setTimeout as delay } from 'node:timers/promises'
import { Station } from '../lib/station.js'

/** Physical memory of the server per live channel with one subscriber, in KiB. Each round has a server of its own. */
export async function createChannelMemory ({ clients, channels }, { peer }) {
  return {
    warmUp () {},
    async round () {
      const station = await Station.open(peer, { nodeFlags: ['--max-semi-space-size=1'] })
      await station.connect('chat', { clients })
      const before = await station.server.call('memory')
      await station.load.call('subscribe', { channels })
      const after = await station.server.call('memory')
      const stats = await station.server.call('stats')
      await station.end()
      if (stats.channels !== clients * channels) throw new Error(`${stats.channels} channels instead of ${clients * channels}`)
      return { figure: (after - before) / stats.channels / 1_024, deliveries: stats.channels }
    },
    end () {}
  }
}

/** From the question who is in a channel to the answer, in ms. */
export async function createPresence ({ clients, times }, { peer }, { profileTo }) {
  const station = await Station.open(peer, { profileTo })
  await station.connect('chat', { clients, channel: 'room:1' })
  const ask = () => station.load.call('presence', { channel: 'room:1', times })
  return {
    async warmUp () { await ask() },
    async round () {
      const { ms, length } = await ask()
      if (length < clients * 50) throw new Error(`An answer of ${length} bytes does not have ${clients} members`)
      return { figure: ms, deliveries: times }
    },
    end: () => station.end()
  }
}

/** Everybody comes back at once, and has missed so many: how long until the last has got them, or how long the loop was blocked, in ms. */
export async function createResume ({ clients, missed, size, isBlock = false }, { peer }, { profileTo }) {
  return {
    warmUp () {},
    async round () {
      const station = await Station.open(peer, { profileTo })
      await station.connect('chat', { clients })
      await station.server.call('keep', { channel: 'kept:1', count: missed + 1, size })
      const watching = station.server.call('loopDelay', { ms: 3_000 })
      await delay(200)
      const { result: { ms, lengths }, cpu } = await station.costOf(() => station.load.call('resume', { channel: 'kept:1', offset: 1 }))
      const { max, collection } = await watching
      await station.end()
      if (lengths.some(length => length < missed * size)) throw new Error(`Answers of ${lengths} bytes do not have ${missed} publications`)
      return { figure: isBlock ? max : ms, max, collection, cpu: cpu / 1_000, deliveries: clients * missed }
    },
    end () {}
  }
}
