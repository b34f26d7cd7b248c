// The load: all connections of a workload in one process, told by the orchestrator what to do.
import { serveCommands } from '../lib/json-lines.js'
import { weighRange } from '../lib/ids.js'
import { presence, resume, subscribe } from './channels.js'
import { chat } from './chat.js'
import { Crowd } from './crowd.js'
import { echo } from './echo.js'
import { latency } from './latency.js'

const crowd = new Crowd()

const tell = serveCommands({
  connect: options => crowd.connect(options),
  chat: work => chat(crowd, work),
  echo: work => echo(crowd, work),
  latency: work => latency(crowd, work),
  subscribe: work => subscribe(crowd, work),
  presence: work => presence(crowd, work),
  resume: work => resume(crowd, work),
  receive,
  verifyReceived: ({ first, messages, receivers }) => crowd.verify((_client, index) =>
    index < receivers ? { messages, sum: weighRange(first, messages) } : { messages: 0, sum: 0 }),
  heartbeats () {
    const pings = crowd.clients.reduce((sum, client) => sum + client.pings, 0)
    for (const client of crowd.clients) client.pings = 0
    return { pings, lost: crowd.clients.filter(client => client.isClosed).length }
  },
  disconnect: () => crowd.close()
})

/** Waits for what the server pushes, and tells how many turns of it have arrived. */
async function receive ({ receivers, turns, perTurn, window }) {
  const perStep = Math.max(1, Math.floor(window / 4)) * perTurn * receivers
  let next = perStep
  crowd.begin()
  tell({ event: 'receiving' })
  await crowd.whenReceived(turns * perTurn * receivers, received => {
    if (received < next) return
    tell({ event: 'progress', turns: Math.floor(received / (perTurn * receivers)) })
    next += perStep
  })
  return crowd.totals
}
