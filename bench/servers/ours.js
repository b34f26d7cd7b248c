// fastify-realtime with everything on: auth, registry, heartbeat and limits at their defaults.
import Fastify from 'fastify'
import realtime from 'fastify-realtime'
import { control, options } from './control.js'

const app = Fastify()
await app.register(realtime, {
  auth: { authenticate: token => ({ id: token, permissions: ['echo', 'broadcast', 'subscribe:*', 'presence:*'] }) },
  channels: { namespaces: { '': {}, own: {}, room: { presence: true }, kept: { history: { size: 1_000, ttl: 60_000 } } } },
  ...(options.deflate ? { compression: true } : {}),
  ...(options.heartbeat ? { heartbeat: options.heartbeat } : {})
})

app.realtime.route({ url: '/subscriber' }, {
  async open (connection, { query: { number, subscribers, channels } }) {
    if (Number(number) >= Number(subscribers)) return
    for (let i = 0; i < Number(channels); i++) await connection.subscribe(`channel-${number}-${i}`)
  }
})

await app.listen({ port: 0, host: '127.0.0.1' })

let published = 0
control(app.server.address().port, (message, { channels }) => {
  if (options.channel !== undefined) app.realtime.publish(options.channel, message)
  else if (channels === undefined) app.realtime.broadcast(message)
  else app.realtime.publish(`channel-0-${published++ % channels}`, message)
}, {
  stats: () => app.realtime.stats(),
  async keep ({ channel, count, size }) {
    for (let n = 0; n < count; n++) await app.realtime.publish(channel, 'x'.repeat(size))
  }
})
