import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import fc from 'fast-check'
import { assertAgreement, settle } from './agreement.ts'
import { anyCommand, anyCommandAndExpiry, type Command } from './commands.ts'
import { CHANNELS, Model, OWN_ROUTE, type Peer, PRINCIPALS, type RouteName } from './model.ts'
import { World } from './world.ts'

/** Ms after which a failure is told as it is, however long its steps, before the test's own timeout would swallow it. */
const SHRINKING_LIMIT = 80_000

/** Plays random commands; at the end of each run everybody goes, and nothing is left of them. */
async function assertModelHolds (t: TestContext, commands: ReadonlyArray<fc.Arbitrary<Command>>, numRuns: number, maxCommands: number): Promise<void> {
  const world = await World.create(t)
  await fc.assert(fc.asyncProperty(fc.commands([...commands], { maxCommands, size: 'max' }), async commands => {
    const model = new Model()
    try {
      await fc.asyncModelRun(() => ({ model, real: world }), commands)
      await settle(model, world)
      assertAgreement(model, world)
      for (const name of PRINCIPALS) await world.app.realtime.disconnect(name)
      for (const peer of model.open) model.end(peer, 4403)
      await settle(model, world)
      assertAgreement(model, world)
    } finally {
      await world.clear()
    }
  }), { numRuns, interruptAfterTimeLimit: SHRINKING_LIMIT, markInterruptAsFailure: true, includeErrorInReport: true })
  assertEmpty(world)
}

function assertEmpty ({ app }: World): void {
  const { connections, stats } = app.realtime
  assert.deepEqual([...connections], [])
  for (const name of PRINCIPALS) assert.equal(connections.ofPrincipal(name).size, 0)
  for (const channel of CHANNELS) assert.equal(connections.in(channel).size, 0)
  assert.deepEqual([stats().connections, stats().channels], [0, 0])
}

test('whatever clients, handlers and the application do, every index holds those who are here and nobody else', { timeout: 100_000 }, async t => {
  await assertModelHolds(t, anyCommand, 250, 60)
})

test('the same holds while credentials expire', { timeout: 100_000 }, async t => {
  await assertModelHolds(t, anyCommandAndExpiry, 10, 20)
})

const ROUTES: readonly RouteName[] = ['echo', 'broadcast', OWN_ROUTE]
const CYCLES = 400
const AT_ONCE = 20

/** Every way out that leaves nothing to wait for. */
const exits: ReadonlyArray<(peer: Peer, model: Model, world: World) => void> = [
  (peer, model, world) => {
    world.of(peer).client.socket.close(1000)
    model.end(peer, 1000)
  },
  (peer, model, world) => {
    world.of(peer).client.socket.terminate()
    model.cutOff(peer)
  },
  (peer, model, world) => {
    world.of(peer).connection.close(4000)
    model.end(peer, 4000)
  },
  (peer, model, world) => {
    world.of(peer).connection.terminate()
    model.cutOff(peer)
  }
]

test('hundreds of connections that come and go leave nothing behind', { timeout: 100_000 }, async t => {
  const world = await World.create(t)
  const model = new Model()
  for (let round = 0; round < CYCLES / AT_ONCE; round++) {
    for (let n = 0; n < AT_ONCE; n++) {
      const peer = model.add(PRINCIPALS[n % PRINCIPALS.length]!, ROUTES[n % ROUTES.length]!, CHANNELS[(n + round) % CHANNELS.length]!)
      const { connection } = await world.connect(peer, n % 4 === 0)
      await connection.subscribe('a')
      peer.channels.add('a')
    }
    assertAgreement(model, world)
    model.open.forEach((peer, n) => exits[(n + round) % exits.length]!(peer, model, world))
    await settle(model, world)
    assertAgreement(model, world)
  }
  assert.equal(model.opened, CYCLES)
  assertEmpty(world)
})
