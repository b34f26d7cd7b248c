import type { TestContext } from 'node:test'

/** Time for whatever ends at its time: it stands still, but for what is told to pass. Call it before the application is built. */
export function stopClock (t: TestContext): { start: number, pass: (ms: number) => void } {
  const start = 1_700_000_000_000
  let passed = 0
  t.mock.timers.enable({ apis: ['setInterval'] })
  t.mock.method(performance, 'now', () => passed)
  t.mock.method(Date, 'now', () => start + passed)
  return {
    start,
    pass (ms) {
      passed += ms
      t.mock.timers.tick(1_000)
    }
  }
}
