import { Lane } from './lane.ts'

/** Bytes of distinct frames after which a turn is not collected any further. */
const MAX_TURN = 4_194_304

export interface OutboxOptions {
  /** How long to collect, ms; 0 is to the end of the event loop's turn. */
  readonly delay: number
  /** Compress what is at least this long, for those who understand it. Bytes */
  readonly threshold: number
}

/** One connection's part of it. */
interface Writer {
  flush (): void
}

/**
 * The one writer: what a turn of the event loop wants to send is collected, and each connection gets it in one write when
 * the turn's input has been read. A system call costs more than everything else there is to do for a message, so at high
 * load the batch grows by itself, and at low load nothing waits longer than the turn takes.
 */
export class Outbox {
  readonly plain = new Lane()
  readonly deflated: Lane
  readonly #delay: number
  #outlets: Writer[] = []

  constructor ({ delay, threshold }: OutboxOptions) {
    this.#delay = delay
    this.deflated = new Lane(threshold)
  }

  /** The outlet has something to write at the end of the turn. */
  enlist (outlet: Writer): void {
    if (this.#outlets.push(outlet) > 1) return
    if (this.#delay > 0) setTimeout(() => this.flush(), this.#delay)
    else setImmediate(() => this.flush())
  }

  /** Ends the turn early if it has grown too large. */
  relieve (): void {
    if (this.plain.size + this.deflated.size > MAX_TURN) this.flush()
  }

  /** Everybody writes, and the next turn begins. Nothing called from here may send. */
  flush (): void {
    const outlets = this.#outlets
    this.#outlets = []
    this.plain.complete()
    this.deflated.complete()
    for (const outlet of outlets) outlet.flush()
    this.plain.reset()
    this.deflated.reset()
  }
}
