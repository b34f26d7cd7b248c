// The server under attack, in a process of its own: what it does to memory and sockets is seen from outside.
// Options come as JSON in the first argument; commands and answers go over IPC.
import type { ServerOptions } from 'node:http'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import Fastify from 'fastify'
import realtime, { type RealtimeOptions } from '../../src/index.ts'

const { realtime: options = {}, logLevel = 'warn', authDelay = 0, openDelay = 0, http = {} } = JSON.parse(process.argv[2] ?? '{}') as {
  realtime?: Partial<RealtimeOptions>
  logLevel?: string
  /** Ms that authenticate takes; negative: it never answers. */
  authDelay?: number
  /** Ms that `open` of /counted takes. */
  openDelay?: number
  /** Options of Node's HTTP server. */
  http?: ServerOptions
}

const app = Fastify({ logger: { level: logLevel }, http })
let opened = 0

await app.register(realtime, {
  auth: {
    async authenticate (token) {
      if (authDelay < 0 || token === 'hangs') await new Promise(() => {})
      if (authDelay > 0) await new Promise(resolve => setTimeout(resolve, authDelay))
      if (token === 'throws') throw new Error('no')
      return token === 'wrong' ? null : { id: token, permissions: ['*'] }
    }
  },
  ...options
})
app.realtime.route({ url: '/counted' }, {
  async open () {
    opened++
    if (openDelay > 0) await new Promise(resolve => setTimeout(resolve, openDelay))
  },
  message: (_connection, message) => message
})

process.on('message', async ({ id, command, argument }: { id: number, command: string, argument: unknown }) => {
  process.send!({ id, answer: await commands[command]!(argument) })
})

const loopDelay = monitorEventLoopDelay({ resolution: 1 })

const commands: Record<string, (argument: unknown) => unknown> = {
  stats: () => ({ ...app.realtime.stats(), opened, size: app.realtime.connections.size }),
  publish: async argument => {
    const { channel, count, bytes, from = 0 } = argument as { channel: string, count: number, bytes: number, from?: number }
    // Distinct payloads, and a turn of the loop now and then, as an application would.
    for (let n = from; n < from + count; n++) {
      await app.realtime.publish(channel, `${n} `.padEnd(bytes, String(n % 10)))
      if (n % 20 === 19) await new Promise(resolve => setImmediate(resolve))
    }
  },
  disconnect: argument => app.realtime.disconnect(argument as string),
  close: () => app.close(),
  /** Timers that keep the process alive. Those of Node's own HTTP server do not, the plugin's do. */
  timers: () => process.getActiveResourcesInfo().filter(type => type === 'Timeout').length,
  /** Used heap after a collection, bytes; needs --expose-gc. */
  heap: () => {
    gc!()
    return process.memoryUsage().heapUsed
  },
  /** The longest that the event loop was blocked since the last time this was asked, ms. */
  longestBlock: () => {
    loopDelay.enable()
    const longest = loopDelay.max / 1e6
    loopDelay.reset()
    return longest
  }
}

// A test that was killed could not clean up.
process.on('disconnect', () => process.exit())
process.on('SIGTERM', () => app.close().then(() => process.exit(0)))
await app.listen({ port: 0, host: '127.0.0.1' })
process.send!({ port: (app.server.address() as { port: number }).port })
