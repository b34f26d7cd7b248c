import { randomBytes } from 'node:crypto'
import type { HistoryOptions, Position, Publication, ReadResult, StoredPublication } from './backplane.ts'
import { Window } from './window.ts'

/** The history of one channel in memory. Epoch and offset outlive the publications. */
export class Stream {
  readonly #epoch = randomBytes(6).toString('base64url')
  #offset = 0
  #window: Window | undefined = undefined
  /** When its publications are forgotten, on the monotonic clock. */
  expiresAt = 0

  /** Of all its publications. */
  get bytes (): number {
    return this.#window?.bytes ?? 0
  }

  append (publication: Publication, { size, ttl }: HistoryOptions): StoredPublication {
    if (this.expiresAt <= performance.now()) this.clear()
    const prev = this.#offset++
    const stored = { ...publication, position: { epoch: this.#epoch, offset: this.#offset, prev, time: Date.now() } }
    const window = this.#window ??= new Window()
    window.push(stored)
    while (window.length > size) window.shift()
    this.expiresAt = performance.now() + ttl
    return stored
  }

  read (since?: Position, limit = Infinity): ReadResult {
    const top = { epoch: this.#epoch, offset: this.#offset }
    if (limit === 0 || this.#window === undefined || this.expiresAt <= performance.now()) return { top, publications: [] }
    const after = this.#window.after(since?.epoch === this.#epoch ? since.offset : 0)
    return { top, publications: after.length > limit ? after.slice(0, limit) : after }
  }

  clear (): void {
    this.#window = undefined
  }
}
