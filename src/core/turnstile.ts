interface Waiting {
  readonly weight: number
  readonly proceed: () => void
}

/**
 * Lets so much work through in one turn of the event loop; the rest waits for the turns to come, in its order. What arrives all
 * at once, as when everybody comes back after a restart, would block the loop for everybody else otherwise.
 */
export class Turnstile {
  readonly #capacity: number
  #left: number
  #waiting: Waiting[] = []
  #isTurning = false

  /** @param capacity weight that goes through in one turn; something heavier goes alone */
  constructor (capacity: number) {
    this.#capacity = capacity
    this.#left = capacity
  }

  /** Resolves in the turn in which there is room. */
  pass (weight: number): Promise<void> {
    if (!this.#isTurning) {
      this.#isTurning = true
      setImmediate(() => this.#turn())
    }
    if (this.#waiting.length === 0 && this.#left > 0) {
      this.#left -= weight
      return Promise.resolve()
    }
    return new Promise(resolve => this.#waiting.push({ weight, proceed: resolve }))
  }

  #turn (): void {
    this.#left = this.#capacity
    let count = 0
    for (; count < this.#waiting.length && this.#left > 0; count++) {
      const { weight, proceed } = this.#waiting[count]!
      this.#left -= weight
      proceed()
    }
    this.#waiting = this.#waiting.slice(count)
    this.#isTurning = count > 0
    if (this.#isTurning) setImmediate(() => this.#turn())
  }
}
