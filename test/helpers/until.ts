/** Lets the event loop turn until the condition holds. The test's own timeout ends a wait that is in vain. */
export async function until (condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise(resolve => setImmediate(resolve))
}
