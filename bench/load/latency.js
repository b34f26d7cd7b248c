import { setTimeout as delay } from 'node:timers/promises'
import { createTextMaker } from '../lib/payload.js'
import { weigh, weighRange } from '../lib/ids.js'

const SAMPLES = 20

/**
 * So many messages a second in all, each from another client to all the others. The time from a message's write to its
 * receipt is taken at a sample of receivers, evenly spread over the order in which a server gets to them.
 * @param {import('./crowd.js').Crowd} crowd
 */
export async function latency (crowd, { rate, seconds, size, route }) {
  const { clients } = crowd
  const textOf = createTextMaker(size)
  const count = rate * seconds
  const frames = Array.from({ length: count }, (_, id) => clients[id % clients.length].frameOf(route, textOf(id)))
  const sentAt = new Float64Array(count)
  const latencies = []
  crowd.begin()
  for (let i = 0; i < clients.length; i += Math.ceil(clients.length / SAMPLES)) {
    const count = clients[i].onMessage
    clients[i].onMessage = id => {
      latencies.push(performance.now() - sentAt[id])
      count()
    }
  }
  const isDone = crowd.whenReceived(count * (clients.length - 1))
  const begin = performance.now()
  for (let id = 0; id < count;) {
    const due = Math.min(count, Math.floor((performance.now() - begin) * rate / 1_000) + 1)
    for (; id < due; id++) {
      sentAt[id] = performance.now()
      clients[id % clients.length].write(frames[id])
    }
    await delay(1)
  }
  await isDone
  await crowd.verify((_client, index) => expectedOf(count, clients.length, index))
  latencies.sort((a, b) => a - b)
  const quantile = q => latencies[Math.floor(latencies.length * q)]
  return { ...crowd.totals, p50: quantile(0.5), p99: quantile(0.99) }
}

/** Everything but what the client has sent itself. */
function expectedOf (count, clients, index) {
  let sum = weighRange(0, count)
  let messages = count
  for (let id = index; id < count; id += clients) {
    sum = (sum - weigh(id)) | 0
    messages--
  }
  return { messages, sum }
}
