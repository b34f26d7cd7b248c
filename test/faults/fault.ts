import { test, type TestContext } from 'node:test'

/** In the sizes of the table with `npm run test:faults`, in sizes that fit every run of the tests otherwise. */
export const isFull = process.env.FAULTS === 'full'

export function size (quick: number, full: number): number {
  return isFull ? full : quick
}

/** Thrown where this machine cannot provoke a fault: the row says so, and why, instead of passing in silence. */
export class CannotProvoke extends Error {}

/**
 * One row of the fault table. `provoke` asserts the outcome and returns the figure that the row's line shows.
 * @param row its number and name, as in `F1 refused upgrades`
 */
export function fault (row: string, provoke: (t: TestContext) => Promise<string>): void {
  test(row, { timeout: isFull ? 600_000 : 120_000 }, async t => {
    try {
      t.diagnostic(`${row}: ${await provoke(t)}`)
    } catch (error) {
      if (!(error instanceof CannotProvoke)) throw error
      t.diagnostic(`${row}: not provoked here, ${error.message}`)
    }
  })
}
