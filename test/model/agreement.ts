import assert from 'node:assert/strict'
import type { Connection } from '../../src/index.ts'
import { CHANNELS, type Model, OWN_ROUTE, type Peer, PRINCIPALS } from './model.ts'
import type { World } from './world.ts'

/** Waits until nothing is on its way any more: endings have ended, and what was sent has arrived. */
export async function settle (model: Model, world: World): Promise<void> {
  await new Promise(resolve => setImmediate(resolve))
  for (const peer of model.peers.values()) {
    if (peer.state !== 'ending') continue
    await world.gone(peer)
    peer.state = 'gone'
    peer.channels.clear()
  }
  await world.roundTrip(model.open)
}

/** At a quiet point, everything that can be asked of the plugin is what the model says. */
export function assertAgreement (model: Model, world: World): void {
  const { connections, stats } = world.app.realtime
  const idsOf = (peers: readonly Peer[]): string[] => peers.map(peer => world.of(peer).connection.id).sort()
  const ids = (set: Iterable<Connection>): string[] => Array.from(set, ({ id }) => id).sort()
  const { open } = model
  const { since } = world

  assert.equal(connections.size, open.length)
  assert.deepEqual(ids(connections), idsOf(open))
  for (const name of PRINCIPALS) {
    assert.deepEqual(ids(connections.ofPrincipal(name)), idsOf(open.filter(({ principal }) => principal === name)), `of principal ${name}`)
  }
  for (const channel of CHANNELS) {
    const set = connections.in(channel)
    assert.deepEqual(ids(set), idsOf(model.subscribersOf(channel)), `in channel ${channel}`)
    assert.equal(set.size, model.subscribersOf(channel).length)
  }
  const now = stats()
  assert.deepEqual(
    { connections: now.connections, channels: now.channels, opened: now.opened - since.opened, handlerErrors: now.handlerErrors - since.handlerErrors },
    {
      connections: open.length,
      channels: CHANNELS.filter(channel => model.subscribersOf(channel).length > 0).length,
      opened: model.opened,
      handlerErrors: model.handlerErrors
    }
  )
  for (const peer of model.peers.values()) assertPeer(peer, world)
}

function assertPeer (peer: Peer, world: World): void {
  const { client, connection, closed } = world.of(peer)
  const who = `connection ${peer.key}`
  const { connections } = world.app.realtime
  const { unread } = client
  assert.deepEqual(unread, peer.isCutOff ? peer.inbox.slice(0, unread.length) : peer.inbox, `what reached the client of ${who}`)
  assert.deepEqual([...connection.channels].sort(), [...peer.channels].sort(), `the channels of ${who}`)
  const ends = world.app.logged.filter(({ msg, connectionId }) => connectionId === connection.id && String(msg).startsWith('connection ended')).map(({ code }) => code)
  const calls = world.closeCalls.get(connection.id) ?? []
  if (peer.state === 'open') {
    assert.equal(connections.get(connection.id), connection, who)
    assert.equal(connection.signal.aborted, false, who)
    assert.equal(closed, undefined, who)
    assert.deepEqual([ends, calls], [[], []], who)
    return
  }
  assert.equal(connections.get(connection.id), undefined, who)
  assert.equal(connection.signal.aborted, true, who)
  assert.equal(connection.send('late'), false, who)
  assert.ok(closed !== undefined && peer.seen.includes(closed.code), `${who} closed with ${closed?.code}, not ${peer.seen.join(' or ')}`)
  assert.deepEqual(ends, [peer.told], `the log of the end of ${who}`)
  assert.deepEqual(calls, peer.route === OWN_ROUTE ? [peer.told] : [], `calls of the close handler of ${who}`)
}
