import assert from 'node:assert/strict'
import fc from 'fast-check'
import { assertAgreement, settle } from './agreement.ts'
import { CHANNELS, type Model, OWN_ROUTE, type Peer, type PrincipalName, PRINCIPALS, type RouteName } from './model.ts'
import type { World } from './world.ts'

export type Command = fc.AsyncCommand<Model, World>

const REVOKED = 4403
const EXPIRED = 4401
/** Ms that short-lived credentials are good for: long enough to get in with them on a machine that is busy. */
const LIFETIME = 300

const number = fc.nat(1_000)
const channel = fc.constantFrom(...CHANNELS)
const principal = fc.constantFrom<PrincipalName>(...PRINCIPALS)
const route = fc.constantFrom<RouteName>('echo', 'broadcast', OWN_ROUTE)
const code = fc.constantFrom(1000, 1001, 1012, 3000, 4000)

/** A command by its name, and what it does to the model and to the world. */
function command (name: string, run: (model: Model, world: World) => Promise<void>, isPossible: (model: Model) => boolean = () => true): Command {
  return { toString: () => name, check: model => isPossible(model), run }
}

/** A command for one of the connections that are open. */
function toPeer (name: string, number: number, run: (peer: Peer, model: Model, world: World) => Promise<void>): Command {
  return command(`${name} [${number}]`, (model, world) => run(model.pick(number)!, model, world), ({ open }) => open.length > 0)
}

/** The same for one of all that have ever been, so that what comes too late is tried as well. */
function toAnyPeer (name: string, number: number, run: (peer: Peer, world: World, model: Model) => Promise<void>): Command {
  return command(`${name} [any ${number}]`, (model, world) => run(model.pick(number, [...model.peers.values()])!, world, model), ({ peers }) => peers.size > 0)
}

/** A quiet point. */
export const quiet = command('quiet', async (model, world) => {
  await settle(model, world)
  assertAgreement(model, world)
})

const connect = fc.tuple(principal, route, channel, fc.boolean()).map(([who, where, channel, isOverTcp]) =>
  command(`connect ${who} ${where} ${channel} ${isOverTcp ? 'over TCP' : 'injected'}`, async (model, world) => {
    await world.connect(model.add(who, where, channel), isOverTcp)
  }, ({ open }) => open.length < 8))

const subscribe = fc.tuple(number, channel).map(([n, channel]) => toAnyPeer(`subscribe ${channel}`, n, async (peer, world) => {
  const { connection } = world.of(peer)
  if (peer.state === 'open') {
    assert.equal(world.app.realtime.connections.get(connection.id), connection)
    peer.channels.add(channel)
  }
  await connection.subscribe(channel)
}))

const unsubscribe = fc.tuple(number, channel).map(([n, channel]) => toAnyPeer(`unsubscribe ${channel}`, n, async (peer, world) => {
  await world.of(peer).connection.unsubscribe(channel)
  if (peer.state === 'open') peer.channels.delete(channel)
}))

const publish = fc.tuple(channel, fc.option(number)).map(([channel, except]) =>
  command(`publish ${channel}${except === null ? '' : ` except [${except}]`}`, async (model, world) => {
    const text = model.nextText()
    const left = except === null ? undefined : model.pick(except)
    const receivers = model.subscribersOf(channel).filter(peer => peer !== left)
    const options = left === undefined ? {} : { except: world.of(left).connection.id }
    assert.deepEqual(await world.app.realtime.publish(channel, text, options), { delivered: receivers.length })
    for (const { inbox } of receivers) inbox.push(text)
  }))

const broadcast = fc.option(route).map(route => command(`broadcast${route === null ? '' : ` to ${route}`}`, async (model, world) => {
  const text = model.nextText()
  const receivers = model.open.filter(peer => route === null || peer.route === route)
  assert.equal(world.app.realtime.broadcast(text, route === null ? {} : { route }), receivers.length)
  for (const { inbox } of receivers) inbox.push(text)
}))

const send = number.map(n => toAnyPeer('server sends', n, async (peer, world, model) => {
  const text = model.nextText()
  assert.equal(world.of(peer).connection.send(text), peer.state === 'open')
  if (peer.state === 'open') peer.inbox.push(text)
}))

/** What a client does is known to the server only later: these wait for it. */
const say = fc.tuple(number, fc.constantFrom('hello', 'hello', 'hello', '!', '?')).map(([n, word]) => toPeer(`client says ${word}`, n, async (peer, model, world) => {
  const text = word === 'hello' ? model.nextText() : word
  world.of(peer).client.send(text)
  model.hear(peer, text)
  await settle(model, world)
}))

const clientClose = fc.tuple(number, code).map(([n, code]) => toPeer(`client closes with ${code}`, n, async (peer, model, world) => {
  world.of(peer).client.socket.close(code)
  model.end(peer, code)
  await settle(model, world)
}))

const clientTerminate = number.map(n => toPeer('client terminates', n, async (peer, model, world) => {
  world.of(peer).client.socket.terminate()
  model.cutOff(peer)
  await settle(model, world)
}))

/** What the server does holds at once, and the socket may go later. */
const serverClose = fc.tuple(number, code).map(([n, code]) => toAnyPeer(`server closes with ${code}`, n, async (peer, world, model) => {
  world.of(peer).connection.close(code)
  model.end(peer, code)
}))

const serverTerminate = number.map(n => toAnyPeer('server terminates', n, async (peer, world, model) => {
  world.of(peer).connection.terminate()
  model.cutOff(peer)
}))

const disconnect = principal.map(name => command(`disconnect ${name}`, async (model, world) => {
  await world.app.realtime.disconnect(name)
  for (const peer of model.open) if (peer.principal === name) model.end(peer, REVOKED)
}))

const bothClose = fc.tuple(number, code).map(([n, code]) => toPeer(`client closes with 4999 and server with ${code}`, n, async (peer, model, world) => {
  const { client, connection } = world.of(peer)
  client.socket.close(4999)
  connection.close(code)
  model.end(peer, code)
}))

const closeOnSpeaker = fc.tuple(number, fc.constantFrom('!', '?', 'hello')).map(([n, word]) => toPeer(`client says ${word} too late`, n, async (peer, model, world) => {
  const { client, connection } = world.of(peer)
  client.send(word)
  connection.close(4000)
  model.end(peer, 4000)
}))

/** Credentials that end soon. Meanwhile the connection is like any other. */
const expire = fc.tuple(principal, route, channel, fc.boolean()).map(([who, where, channel, isOverTcp]) =>
  command(`connect ${who} ${where} ${channel} until its credentials expire`, async (model, world) => {
    const peer = model.add(who, where, channel)
    const { connection } = await world.connect(peer, isOverTcp, LIFETIME)
    await connection.subscribe(channel)
    model.end(peer, EXPIRED)
    await settle(model, world)
  }))

/** Every command, more often what makes the others worth while. Quiet points are among them. */
export const anyCommand: ReadonlyArray<fc.Arbitrary<Command>> = [
  connect, connect, connect, connect, subscribe, subscribe, subscribe, unsubscribe, publish, publish, publish, broadcast, send, say, say,
  clientClose, clientTerminate, serverClose, serverTerminate, disconnect, bothClose, closeOnSpeaker, fc.constant(quiet)
]

/** The same with credentials that expire, which takes its time. */
export const anyCommandAndExpiry: ReadonlyArray<fc.Arbitrary<Command>> = [...anyCommand, expire, expire]
