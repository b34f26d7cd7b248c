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
    const { messages, per, burst } = this.#rate
    const now = this.#now()
    this.#tokens = Math.min(burst, this.#tokens + (now - this.#filledAt) * messages / per)
    this.#filledAt = now
    if (this.#tokens < 1) return Math.ceil((1 - this.#tokens) * per / messages)
    this.#tokens--
    return 0
  }
}
