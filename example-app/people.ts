import type { FastifyInstance } from 'fastify'
import type { Connection } from 'fastify-realtime'
import type { PersonInfo } from './sign-in.ts'

const URL = '/people'
/** How often the latencies are told anew, ms. */
const INTERVAL = 2_000

/** `/ws/people`: each page is told who else has it open, when that changes and every two seconds. */
export function addPeopleRoute (app: FastifyInstance): void {
  app.realtime.route({ url: URL, permission: 'echo' }, { open: tellEverybody, close: tellEverybody })

  const timer = setInterval(tellEverybody, INTERVAL).unref()
  app.addHook('onClose', async () => clearInterval(timer))

  function tellEverybody (): void {
    const pages = [...app.realtime.connections].filter(({ route }) => route === URL)
    const people = pages.map(page => ({ id: page.principal.id, ...page.principal.info as PersonInfo, latency: latencyOf(page) }))
    for (const page of pages) {
      const own = [...app.realtime.connections.ofPrincipal(page.principal.id)]
      const latency = Object.fromEntries(own.map(connection => [connection.route, latencyOf(connection)]))
      page.send(JSON.stringify({ people, you: { id: page.principal.id, latency } }))
    }
  }
}

/** Milliseconds with one decimal, or null while there is none yet. */
function latencyOf ({ latency }: Connection): number | null {
  return latency === undefined ? null : Math.round(latency * 10) / 10
}
