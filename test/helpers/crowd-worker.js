// Many clients in a thread of their own, so that a stalled server does not stall them too.
import { parentPort, workerData } from 'node:worker_threads'
import { WebSocket } from 'ws'

const { url, count, token } = workerData
let opened = 0
let closed = 0
let received = 0

const sockets = []
function connectNext () {
  if (sockets.length === count) return
  const socket = new WebSocket(url, { headers: { authorization: `Bearer ${token}` }, perMessageDeflate: false })
  sockets.push(socket)
  socket.on('open', () => {
    opened++
    if (opened === count) report()
    connectNext()
  })
  socket.on('message', () => {
    received++
    if (received % count === 0) report()
  })
  socket.on('error', () => {})
  socket.on('close', () => {
    closed++
    if (closed === count) report()
  })
}
function report () {
  parentPort.postMessage({ opened, closed, received })
}

parentPort.on('message', command => {
  if (command === 'report') report()
  if (command === 'reset') for (const socket of sockets) socket._socket?.resetAndDestroy()
  if (command === 'terminate') for (const socket of sockets) socket.terminate()
  if (command === 'close') for (const socket of sockets) socket.close()
})
for (let i = 0; i < 50; i++) connectNext()
