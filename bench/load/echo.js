import { createTextMaker } from '../lib/payload.js'
import { weighRange } from '../lib/ids.js'

/**
 * Each client keeps so many messages on their way. What it has read at once it answers at once, in one write, so that the
 * load is not what holds the server up.
 * @param {import('./crowd.js').Crowd} crowd
 */
export async function echo (crowd, { messages, inFlight, size, route }) {
  const { clients } = crowd
  const textOf = createTextMaker(size)
  // Made before, so that the time in which the server is measured is not spent here.
  const frames = clients.map(client => Array.from({ length: messages }, (_, id) => client.frameOf(route, textOf(id))))
  crowd.begin()
  const isDone = crowd.whenReceived(clients.length * messages)
  for (const [index, client] of clients.entries()) {
    let sent = 0
    const send = until => {
      client.cork()
      while (sent < Math.min(until, messages)) client.write(frames[index][sent++])
      client.uncork()
    }
    client.onRead = () => send(client.messages + inFlight)
    send(inFlight)
  }
  await isDone
  const { totals } = crowd
  const sum = weighRange(0, messages)
  await crowd.verify(() => ({ messages, sum }))
  return totals
}
