import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import type { ServerProcess } from './server-process.ts'

const LOOK_EVERY = 10 // ms: the processes that are waited for need the processor more than the test does

/** Looks until the condition holds. The row's own timeout ends a wait that is in vain. */
export async function eventually (condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!await condition()) await delay(LOOK_EVERY)
}

/** Looks at something over and over for a time, in which the check must not fail once. */
export async function throughout (ms: number, check: () => void | Promise<void>): Promise<void> {
  const end = performance.now() + ms
  do {
    await check()
    await delay(LOOK_EVERY)
  } while (performance.now() < end)
}

/** The server lives, never failed where nobody caught it, and holds these connections and not one socket more. */
export async function assertSettled (server: ServerProcess, { connections, socketsBefore }: { connections: number, socketsBefore: number }): Promise<void> {
  await eventually(async () => (await server.ask<{ size: number }>('stats')).size === connections && server.sockets === socketsBefore + connections)
  assert.equal(server.child.exitCode, null)
  assert.doesNotMatch(server.output, /uncaught|unhandled/i)
}
