import { setTimeout as delay } from 'node:timers/promises'
import { CloseCode } from './close-codes.ts'
import type { UpgradeGuard } from './handshake/upgrade-guard.ts'
import type { Shared } from './routes/shared.ts'

/** Ms that dropped sockets may take to be gone. */
const DROP_TIMEOUT = 1_000

/**
 * Ends everything: whoever is still shaking hands gets 503, everybody else 1001, and whoever has not said goodbye at
 * `closeTimeout` is dropped. Resolves when nobody is left and the handlers of `close` have finished, or had their time.
 */
export async function shutDown ({ registry, strangers, heartbeat, expiry, closing, finishing, closeTimeout }: Shared, guard: UpgradeGuard): Promise<void> {
  const deadline = performance.now() + closeTimeout
  guard.close()
  for (const connection of registry) connection.end(CloseCode.GoingAway, 'shutdown')
  const leaving = [...strangers].map(stranger => stranger.shutDown())
  await within(closeTimeout, Promise.all([registry.whenEmpty(), ...leaving]))
  for (const connection of registry) connection.terminate('shutdown')
  for (const stranger of strangers) stranger.terminate()
  await within(DROP_TIMEOUT, registry.whenEmpty())
  await within(deadline - performance.now(), Promise.all(finishing))
  heartbeat?.close()
  expiry.close()
  closing.close()
}

async function within (ms: number, promise: Promise<unknown>): Promise<void> {
  const timer = new AbortController()
  await Promise.race([promise, delay(Math.max(0, ms), undefined, { signal: timer.signal }).catch(() => {})])
  timer.abort()
}
