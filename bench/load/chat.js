import { createTextMaker } from '../lib/payload.js'
import { weigh, weighRange } from '../lib/ids.js'

/**
 * Everybody says something in each round, and the next round begins when everybody has heard all the others.
 * @param {import('./crowd.js').Crowd} crowd
 */
export async function chat (crowd, { rounds, size, route }) {
  const { clients } = crowd
  const textOf = createTextMaker(size)
  crowd.begin()
  for (let round = 0; round < rounds; round++) {
    const frames = clients.map((client, index) => client.frameOf(route, textOf(round * clients.length + index)))
    const isHeard = crowd.whenReceived((round + 1) * clients.length * (clients.length - 1))
    for (const [index, client] of clients.entries()) client.write(frames[index])
    await isHeard
  }
  const { totals } = crowd
  const all = weighRange(0, rounds * clients.length)
  await crowd.verify((_client, index) => {
    let own = 0
    for (let round = 0; round < rounds; round++) own = (own + weigh(round * clients.length + index)) | 0
    return { messages: rounds * (clients.length - 1), sum: (all - own) | 0 }
  })
  return totals
}
