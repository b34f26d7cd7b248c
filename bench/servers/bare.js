// The loop people write on @fastify/websocket. No auth, no registry, no heartbeat.
import fastifyWebsocket from '@fastify/websocket'
import Fastify from 'fastify'
import { control, options } from './control.js'

const app = Fastify()
// The threshold of `ws` is 1,024 bytes unless given, which would leave the messages of this benchmark as they are.
await app.register(fastifyWebsocket, { options: options.deflate ? { perMessageDeflate: { threshold: 256 } } : {} })

app.register(async scope => {
  scope.get('/chat', { websocket: true }, socket => {
    socket.on('message', data => {
      for (const client of app.websocketServer.clients) {
        if (client !== socket && client.readyState === 1) client.send(data)
      }
    })
  })
  scope.get('/echo', { websocket: true }, socket => {
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }))
  })
})

await app.listen({ port: 0, host: '127.0.0.1' })

control(app.server.address().port, message => {
  for (const client of app.websocketServer.clients) client.send(message)
})
