import assert from 'node:assert/strict'
import { frame, TEXT } from '../protocol/bytes.ts'
import { assertUnharmed, inParallel, Peer, type Stats, upgrade } from './attack.ts'
import { fault, size } from './fault.ts'
import { ServerProcess, type ServerOptions } from './server-process.ts'

const PER_CONNECTION = 100

const waits: Readonly<Record<string, ServerOptions>> = {
  'while auth waits': { authDelay: 100 },
  'while open waits': { openDelay: 100 },
  'while both wait': { authDelay: 50, openDelay: 50 }
}

for (const [wait, options] of Object.entries(waits)) {
  fault(`F6 messages in the segment of the handshake, ${wait}`, async t => {
    const connections = size(20, 334)
    // Without a heartbeat, what comes back is exactly the echo.
    const server = await ServerProcess.start(t, { ...options, realtime: { heartbeat: false } })
    const baseline = server.sockets
    const lost = await inParallel(connections, 50, async index => {
      const messages = Array.from({ length: PER_CONNECTION }, (_nothing, n) => `${index}/${n} `.padEnd(n * 3, '.'))
      const expected = Buffer.concat(messages.map(message => frame(TEXT, message, { mask: undefined })))
      const frames = messages.map(message => frame(TEXT, message))
      // All of them behind the handshake, or half of them a little later, cut in the middle of a frame.
      const first = Buffer.concat([Buffer.from(upgrade({ path: '/ws/counted' })), ...frames])
      const cut = index % 2 === 0 ? first.length : first.length - 8_001
      const peer = await Peer.dial(server.port, first.subarray(0, cut))
      peer.socket.write(first.subarray(cut))
      assert.equal(await peer.status(), 101)
      await peer.until(() => peer.body.length >= expected.length)
      const echoed = peer.body
      peer.socket.resetAndDestroy()
      return echoed.equals(expected) ? 0 : 1
    })
    assert.equal(lost.filter(count => count > 0).length, 0, 'connections that lost messages, or got them in another order')
    assert.equal((await server.ask<Stats>('stats')).opened, connections)
    await assertUnharmed(server, { baseline })
    return `0 of ${connections * PER_CONNECTION} lost, in order`
  })
}
