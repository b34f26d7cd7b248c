import { Station } from '../lib/station.js'

const MAX_IDS = 2 ** 24

/** What each kind of workload does with `amount` units of itself, and how many deliveries a unit is. */
const kinds = {
  push: {
    route: 'chat',
    deliveries: ({ clients, perTurn }) => clients * perTurn,
    maxAmount: ({ perTurn }) => Math.floor(MAX_IDS / 100 / perTurn),
    async run (station, { clients, perTurn, window, size, isJson }, amount, first) {
      return station.push({ turns: amount, perTurn, window, size, isJson, first }, clients)
    },
    verify: (station, { clients, perTurn }, amount, first) =>
      station.load.call('verifyReceived', { first, messages: amount * perTurn, receivers: clients })
  },
  chat: {
    route: 'chat',
    deliveries: ({ clients }) => clients * (clients - 1),
    maxAmount: ({ clients }) => Math.floor(MAX_IDS / clients),
    run: (station, { size }, amount) => station.load.call('chat', { rounds: amount, size, route: station.route('chat') })
  },
  echo: {
    route: 'echo',
    deliveries: ({ clients }) => clients,
    maxAmount: () => 8_000, // frames are made before, and kept
    run: (station, { size, inFlight }, amount) => station.load.call('echo', { messages: amount, size, inFlight, route: station.route('echo') })
  }
}

/**
 * CPU time of the server per message delivered. Server and connections live for all rounds; how much is done in one is
 * found in the warm-up, so that fast and slow peers take about the same time.
 */
export async function createDelivery (workload, { peer }, { budget, isWarm, profileTo }) {
  const kind = kinds[workload.kind]
  const station = await Station.open(peer, { serverOptions: { deflate: workload.isDeflated }, profileTo })
  await station.connect(kind.route, { clients: workload.clients, isDeflated: workload.isDeflated, channel: station.channel })
  const deliveries = kind.deliveries(workload)
  let amount = workload.minimum ?? 1
  // Ids go on from round to round, because a compressor with a long memory would know a message that comes again.
  let first = 0

  return {
    async warmUp () {
      if (!isWarm) return
      let spent = 0
      while (spent < 2 * budget) {
        const { figure } = await run()
        spent += figure * amount * deliveries
        amount = Math.max(workload.minimum ?? 1, Math.min(kind.maxAmount(workload), Math.round(budget / (figure * deliveries))))
      }
    },
    round: run,
    end: () => station.end()
  }

  async function run () {
    const { result, cpu, busy } = await station.costOf(() => kind.run(station, workload, amount, first))
    await kind.verify?.(station, workload, amount, first)
    first += amount * (workload.perTurn ?? 1)
    const expected = amount * deliveries
    if (result.messages !== expected) throw new Error(`${peer} delivered ${result.messages} messages instead of ${expected}`)
    if (workload.maxBytes !== undefined && result.bytesPerMessage > workload.maxBytes) {
      throw new Error(`${peer} sends ${result.bytesPerMessage} bytes per message, more than ${workload.maxBytes}`)
    }
    return { figure: cpu / expected, deliveries: expected, bytes: result.bytesPerMessage, busy }
  }
}
