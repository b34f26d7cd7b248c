import { type Frame, LARGE_FRAME } from './frame.ts'
import type { Lane } from './lane.ts'
import type { Outbox } from './outbox.ts'
import { OPEN, type Socket, type Wire } from './socket.ts'

const TEXT = { binary: false }
const BINARY = { binary: true }

/** A piece must be at least this part of the memory it keeps alive, or it is copied out of it. */
const WORTH_KEEPING = 1 / 8

/**
 * Where one connection's frames leave. It notes which frames of the turn are its own, in the order of the calls, and
 * writes them at the end of the turn. Without a wire (under `injectWS`) they go through the WebSocket at once.
 */
export class Outlet {
  readonly #socket: Socket
  readonly #wire: Wire | undefined
  readonly #outbox: Outbox
  readonly #lane: Lane
  /** Bytes noted in this turn and not yet written. */
  #pending = 0
  #from = 0
  #to = 0
  /** Ranges before the last one: from, to, from, to. */
  #earlier: number[] | undefined = undefined
  /** Frames that wait for somebody else's fragmented message to end. */
  #held: Frame[] | undefined = undefined

  constructor (outbox: Outbox, socket: Socket, wire?: Wire, canInflate = false) {
    this.#outbox = outbox
    this.#socket = socket
    this.#wire = wire
    this.#lane = canInflate ? outbox.deflated : outbox.plain
  }

  /** Bytes collected here, to be written at the end of the turn. */
  get pending (): number {
    return this.#pending
  }

  /** Everything that was sent and that the operating system has not taken. */
  get bufferedAmount (): number {
    return this.#pending + this.#socket.bufferedAmount
  }

  push (frame: Frame): void {
    if (this.#held !== undefined) {
      this.#held.push(frame)
      this.#pending += frame.length
      return
    }
    if (this.#wire === undefined) {
      if (frame.isPing) this.#socket.ping()
      else this.#socket.send(frame.payload, frame.isBinary ? BINARY : TEXT)
      return
    }
    this.#outbox.relieve()
    const index = this.#lane.indexOf(frame)
    if (this.#pending === 0) {
      this.#from = index
      this.#outbox.enlist(this)
    } else if (index !== this.#to) {
      (this.#earlier ??= []).push(this.#from, this.#to)
      this.#from = index
    }
    this.#to = index + 1
    this.#pending += this.#lane.lastLength
  }

  /** Writes what the turn has collected for this connection, unless a close frame has gone out meanwhile. */
  flush (): void {
    if (this.#pending === 0 || this.#held !== undefined) return
    const pieces: Uint8Array[] = []
    const earlier = this.#earlier
    if (earlier !== undefined) {
      for (let i = 0; i < earlier.length; i += 2) this.#lane.collect(earlier[i]!, earlier[i + 1]!, pieces)
      this.#earlier = undefined
    }
    this.#lane.collect(this.#from, this.#to, pieces)
    const length = this.#pending
    this.#pending = 0
    if (this.#socket.readyState === OPEN) write(this.#wire!, pieces, length, this.#lane.joinedLength)
  }

  /** Somebody else has begun a fragmented message on the same socket: no frame may come between its parts. */
  hold (): void {
    this.flush()
    this.#held ??= []
  }

  /** The fragmented message has ended. */
  release (): void {
    const held = this.#held
    if (held === undefined) return
    this.#held = undefined
    this.#pending = 0
    for (const frame of held) this.push(frame)
  }
}

function write (wire: Wire, pieces: Uint8Array[], length: number, joinedLength: number): void {
  const [first] = pieces
  const isBehind = wire.writableLength > 0
  // What cannot leave now must not keep the memory of a whole turn alive: a small part of it, or one that has to wait.
  const isCopied = pieces.length > 1 && length < LARGE_FRAME
  const keepsTooMuch = joinedLength > 0 && (isBehind || length < joinedLength * WORTH_KEEPING)
  if (isCopied || keepsTooMuch) wire.write(Buffer.concat(pieces, length))
  else if (pieces.length === 1) wire.write(first!)
  else {
    wire.cork()
    for (const piece of pieces) wire.write(piece)
    wire.uncork()
  }
}
