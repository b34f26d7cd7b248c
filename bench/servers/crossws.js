// crossws with its Node adapter and its channels.
import { createServer } from 'node:http'
import crossws from 'crossws/adapters/node'
import { control } from './control.js'

const adapter = crossws({
  hooks: {
    open: peer => { peer.subscribe('everybody') },
    message (peer, message) {
      if (peer.request.url.endsWith('/echo')) peer.send(message.text())
      else peer.publish('everybody', message.text())
    }
  }
})
const server = createServer()
server.on('upgrade', adapter.handleUpgrade)

server.listen(0, '127.0.0.1', () => {
  control(server.address().port, message => { adapter.publish('everybody', message) })
})
