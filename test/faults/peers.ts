// Clients in a process of their own, which can be stopped whole, as a machine that sleeps.
// Options come as JSON in the first argument; counts go over IPC whenever they change much, and when asked for.
import { WebSocket } from 'ws'

const { url, count, token, localAddress } = JSON.parse(process.argv[2]!) as { url: string, count: number, token: string, localAddress?: string }
let opened = 0
let closed = 0
const closeCodes: Record<string, number> = {}

function report () {
  process.send!({ opened, closed, closeCodes })
}

for (let i = 0; i < count; i++) {
  const socket = new WebSocket(url, { headers: { authorization: `Bearer ${token}` }, perMessageDeflate: false, localAddress })
  socket.on('open', () => { if (++opened === count) report() })
  socket.on('error', () => {})
  socket.on('close', code => {
    closeCodes[code] = (closeCodes[code] ?? 0) + 1
    if (++closed === count) report()
  })
}
process.on('message', report)
// A test that was killed could not clean up.
process.on('disconnect', () => process.exit())
