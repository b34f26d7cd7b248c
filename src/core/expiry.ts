/** How often expiries are looked at, ms: a connection outlives its credentials by this much at most. */
const RESOLUTION = 500

/**
 * Ends things at their time, with one timer for all of them. The moment is turned into a length of time once, when it
 * is added: a wall clock that is set meanwhile changes nothing, and no timer is ever longer than the resolution
 * (`setTimeout` fires at once beyond 2^31 ms).
 */
export class Expiry<T> {
  readonly #deadlines = new Map<T, number>() // on the monotonic clock
  readonly #onExpire: (item: T) => void
  #timer: NodeJS.Timeout | undefined = undefined

  constructor (onExpire: (item: T) => void) {
    this.#onExpire = onExpire
  }

  /** @param expiresAt epoch ms */
  add (item: T, expiresAt: number): void {
    this.#deadlines.set(item, performance.now() + expiresAt - Date.now())
    this.#timer ??= setInterval(() => this.#sweep(), RESOLUTION)
  }

  remove (item: T): void {
    this.#deadlines.delete(item)
    if (this.#deadlines.size === 0) this.close()
  }

  close (): void {
    clearInterval(this.#timer)
    this.#timer = undefined
    this.#deadlines.clear()
  }

  #sweep (): void {
    const now = performance.now()
    for (const [item, deadline] of this.#deadlines) {
      if (deadline > now) continue
      this.remove(item)
      this.#onExpire(item)
    }
  }
}
