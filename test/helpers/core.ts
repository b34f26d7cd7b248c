import { LiveConnection } from '../../src/core/connection.ts'
import { Hub } from '../../src/core/hub.ts'
import { Outbox } from '../../src/core/outbox.ts'
import { Registry } from '../../src/core/registry.ts'
import { FakeSocket } from './fake-socket.ts'

export interface CoreOptions {
  maxBuffered?: number
  slowConsumer?: 'close' | 'drop'
}

/** The core without a network: connections over fake sockets, in one registry. */
export function createCore ({ maxBuffered = 100, slowConsumer = 'close' }: CoreOptions = {}) {
  const registry = new Registry()
  const slow: string[] = []
  const hub = new Hub({ registry, outbox: new Outbox({ delay: 0, threshold: Infinity }), maxBuffered, slowConsumer, onSlow: connection => { slow.push(connection.id) } })
  const connect = (id: string, principal = id, route = 'test') => {
    const socket = new FakeSocket()
    const connection = new LiveConnection({
      id,
      principal: { id: principal, permissions: [] },
      route,
      remoteAddress: undefined,
      socket,
      host: hub,
      parentLog: { child: ({ connectionId }) => ({ id: connectionId }) }
    })
    registry.add(connection)
    return { connection, socket }
  }
  return { registry, hub, connect, slow }
}
