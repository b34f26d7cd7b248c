/**
 * How long to wait before the next try, ms: between `min` and a ceiling that doubles with each failure up to `max`. The
 * chance in between keeps the pages of a restarted server from coming back all in the same moment.
 */
export class Backoff {
  #failures = 0

  constructor ({ min, max }) {
    this.min = min
    this.max = max
  }

  next () {
    const ceiling = Math.min(this.max, this.min * 2 ** ++this.#failures)
    return this.min + Math.random() * (ceiling - this.min)
  }

  reset () {
    this.#failures = 0
  }
}
