import { type Frame, LARGE_FRAME } from './frame.ts'

/**
 * The frames of one turn of the event loop, in the order of the calls, whoever their receivers are. A connection
 * remembers ranges of this list instead of the frames. A range of several is written as one piece of memory, which is
 * put together once for all connections: a publication is copied once, not once for each subscriber.
 */
export class Lane {
  /** Compresses frames from this many bytes; infinite for a lane of plain frames. */
  readonly #threshold: number
  #frames: Array<Frame | undefined> = []
  #last: Frame | undefined = undefined // as it was added, before compression
  #lastIndex = 0
  /** Bytes of all frames. */
  size = 0
  #joined: Buffer | undefined = undefined
  #offsets: number[] = []
  #isComplete = false

  constructor (threshold = Infinity) {
    this.#threshold = threshold
  }

  /** Where the frame stands in this turn; it is appended the first time. */
  indexOf (frame: Frame): number {
    if (frame !== this.#last) this.#append(frame)
    return this.#lastIndex
  }

  /** Bytes on the wire of the frame that was asked for last. */
  get lastLength (): number {
    return this.#frames[this.#lastIndex]!.length
  }

  #append (frame: Frame): void {
    const variant = frame.deflated(this.#threshold)
    const isLarge = variant.length >= LARGE_FRAME
    // The gaps around a large frame keep it out of every range of several, so it is never copied.
    if (isLarge) this.#frames.push(undefined)
    this.#last = frame
    this.#lastIndex = this.#frames.push(variant) - 1
    if (isLarge) this.#frames.push(undefined)
    this.size += variant.length
  }

  /** The bytes of the frames from one index to before another, appended to `pieces`. Returns their length. */
  collect (from: number, to: number, pieces: Uint8Array[]): number {
    if (to - from === 1) {
      const frame = this.#frames[from]!
      if (frame.head !== undefined) pieces.push(frame.head)
      pieces.push(frame.body)
      return frame.length
    }
    if (!this.#isComplete) return this.#collectApart(from, to, pieces)
    this.#joined ??= this.#join()
    const start = this.#offsets[from]!
    const end = this.#offsets[to]!
    pieces.push(this.#joined.subarray(start, end))
    return end - start
  }

  /** For whoever writes before the turn is over: what is joined now would have to be joined again. */
  #collectApart (from: number, to: number, pieces: Uint8Array[]): number {
    let length = 0
    for (let index = from; index < to; index++) length += this.collect(index, index + 1, pieces)
    return length
  }

  /** Bytes of memory that a piece of a range of several keeps alive. */
  get joinedLength (): number {
    return this.#joined?.length ?? 0
  }

  #join (): Buffer {
    let offset = 0
    for (const frame of this.#frames) {
      this.#offsets.push(offset)
      if (isJoined(frame)) offset += frame.length
    }
    this.#offsets.push(offset)
    const joined = Buffer.allocUnsafe(offset)
    offset = 0
    for (const frame of this.#frames) {
      if (!isJoined(frame)) continue
      joined.set(frame.body, offset)
      offset += frame.length
    }
    return joined
  }

  /** The turn is over: no frame is added any more, and everybody collects. */
  complete (): void {
    this.#isComplete = true
  }

  /** Everybody has collected: the next turn begins. */
  reset (): void {
    this.#isComplete = false
    if (this.size === 0) return
    this.#frames = []
    this.#last = undefined
    this.size = 0
    this.#joined = undefined
    this.#offsets = []
  }
}

function isJoined (frame: Frame | undefined): frame is Frame {
  return frame !== undefined && frame.length < LARGE_FRAME
}
