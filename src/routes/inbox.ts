/** How many messages wait before the socket is paused. What had been read by then, a chunk of 64 KiB, still comes in. */
const MAX_WAITING = 16

/** Whose inbox it is. */
export interface InboxOwner<T> {
  /** Handles one message; the next one waits for the promise, if there is one. */
  handle (message: T): void | Promise<void>
  /** Ms that the next message has to wait, 0 for none. */
  delay (): number
  pause (): void
  resume (): void
}

/**
 * Hands the messages of a connection to its handler one at a time, in order. A handler that is quick and synchronous costs
 * nothing here; one that takes its time fills the inbox, and then TCP makes the sender wait.
 */
export class Inbox<T> {
  readonly #owner: InboxOwner<T>
  #waiting: T[] | undefined = undefined
  #isBusy = false
  #isPaused = false
  #isEnded = false
  #onIdle: (() => void) | undefined = undefined

  constructor (owner: InboxOwner<T>) {
    this.#owner = owner
  }

  /** Keeps messages waiting until the promise is settled. It must not reject. */
  hold (until: Promise<void>): void {
    this.#isBusy = true
    until.then(() => this.#next())
  }

  push (message: T): void {
    if (this.#isEnded) return
    if (!this.#isBusy) return this.#run(message)
    this.#waiting ??= []
    if (this.#waiting.push(message) >= MAX_WAITING) this.#pause()
  }

  /** Forgets what waits and takes nothing more. */
  clear (): void {
    this.#isEnded = true
    this.#waiting = undefined
  }

  /** Calls back once the messages that came before have been handled. */
  whenIdle (onIdle: () => void): void {
    if (this.#isBusy) this.#onIdle = onIdle
    else onIdle()
  }

  #pause (): void {
    if (this.#isPaused) return
    this.#isPaused = true
    this.#owner.pause()
  }

  #run (message: T): void {
    const wait = this.#owner.delay()
    if (wait > 0) {
      this.#isBusy = true
      this.#waiting ??= []
      this.#waiting.unshift(message)
      this.#pause()
      setTimeout(() => this.#next(), wait).unref() // the socket keeps the process alive as long as there is one
      return
    }
    const pending = this.#owner.handle(message)
    if (pending !== undefined) this.hold(pending)
  }

  #next (): void {
    this.#isBusy = false
    while (!this.#isBusy && this.#waiting !== undefined && this.#waiting.length > 0) this.#run(this.#waiting.shift()!)
    if (this.#isBusy) return
    if (this.#isPaused) {
      this.#isPaused = false
      this.#owner.resume()
    }
    this.#onIdle?.()
    this.#onIdle = undefined
  }
}
