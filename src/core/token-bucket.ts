export interface MessageRate {
  /** Messages allowed ... */
  readonly messages: number
  /** ... in this many ms, on average. */
  readonly per: number
  /** How many may come at once after a silence. */
  readonly burst: number
}

/** Tokens come in at a steady rate up to the burst; a message takes one. */
export class TokenBucket {
  readonly #rate: MessageRate
  readonly #now: () => number
  #tokens: number
  #filledAt: number

  constructor (rate: MessageRate, now = () => performance.now()) {
    this.#rate = rate
    this.#now = now
    this.#tokens = rate.burst
    this.#filledAt = now()
  }

  /** Takes a token if there is one. Returns 0 if so, and otherwise the ms until the next one is there. */
  take (): number {
    this.#fill()
    if (this.#tokens < 1) return this.#timeUntil(1)
    this.#tokens--
    return 0
  }

  /** Takes a token that may not be there yet. Returns the ms until the debt is paid, 0 for none. */
  borrow (): number {
    this.#fill()
    this.#tokens--
    return this.#tokens < 0 ? this.#timeUntil(0) : 0
  }

  #fill (): void {
    const now = this.#now()
    this.#tokens = Math.min(this.#rate.burst, this.#tokens + (now - this.#filledAt) * this.#rate.messages / this.#rate.per)
    this.#filledAt = now
  }

  #timeUntil (tokens: number): number {
    return Math.ceil((tokens - this.#tokens) * this.#rate.per / this.#rate.messages)
  }
}
