import type { Publication, StoredPublication } from './backplane.ts'

/** What a kept publication costs besides its text, bytes. */
const OVERHEAD = 200

/** The last publications of a channel, oldest first. How many they may be is for the owner to say, by `shift`. */
export class Window {
  #publications: Array<StoredPublication | undefined> = []
  /** Where the window begins in the array: what was before it is cut off once it is half of it. */
  #start = 0
  /** Of all publications, roughly. */
  bytes = 0

  get length (): number {
    return this.#publications.length - this.#start
  }

  get first (): StoredPublication | undefined {
    return this.#publications[this.#start]
  }

  get last (): StoredPublication | undefined {
    return this.#publications.at(-1)
  }

  /** The publication must have a higher offset than all before. */
  push (publication: StoredPublication): void {
    this.#publications.push(publication)
    this.bytes += bytesOf(publication)
  }

  /** Takes the oldest out. */
  shift (): StoredPublication | undefined {
    const oldest = this.first
    if (oldest === undefined) return undefined
    this.bytes -= bytesOf(oldest)
    this.#publications[this.#start++] = undefined
    if (this.#start * 2 > this.#publications.length) {
      this.#publications = this.#publications.slice(this.#start)
      this.#start = 0
    }
    return oldest
  }

  /** Those with a higher offset, oldest first. */
  after (offset: number): StoredPublication[] {
    const all = this.#publications
    let low = this.#start
    let high = all.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (all[middle]!.position.offset > offset) high = middle
      else low = middle + 1
    }
    return all.slice(low) as StoredPublication[]
  }
}

function bytesOf ({ payload, info = '' }: Publication): number {
  return payload.data.length + info.length + OVERHEAD
}
