// Socket.IO over WebSocket alone, with its default options.
import { createServer } from 'node:http'
import { Server } from 'socket.io'
import { control } from './control.js'

const server = createServer()
const io = new Server(server, { transports: ['websocket'], serveClient: false })

io.on('connection', socket => {
  socket.on('m', message => socket.broadcast.emit('m', message))
  socket.on('echo', message => socket.emit('m', message))
})

server.listen(0, '127.0.0.1', () => {
  control(server.address().port, message => { io.emit('m', message) })
})
