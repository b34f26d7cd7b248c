import { LiveConnection } from '../../src/core/connection.ts'
import { frameOf } from '../../src/core/frame.ts'
import { Hub, type Upstream } from '../../src/core/hub.ts'
import { Outbox } from '../../src/core/outbox.ts'
import { Registry } from '../../src/core/registry.ts'
import { FakeSocket } from './fake-socket.ts'

export interface CoreOptions {
  upstream?: Upstream
  maxBuffered?: number
  slowConsumer?: 'close' | 'drop'
}

/** The core without a network: connections over fake sockets, in one registry. */
export function createCore ({ maxBuffered = 100, slowConsumer = 'close', upstream = { acquire: async () => {}, release () {} } }: CoreOptions = {}) {
  const registry = new Registry()
  const slow: string[] = []
  const outbox = new Outbox({ delay: 0, threshold: Infinity })
  const hub = new Hub({ registry, outbox, upstream, maxBuffered, slowConsumer, onSlow: connection => { slow.push(connection.id) } })
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
  const publish = (channel: string, data: string | Uint8Array, except?: string) => hub.deliver(channel, () => frameOf(data), except)
  return { registry, hub, connect, slow, publish }
}
