/** What the echo route makes of a sequence of bytes. */
export interface Expected {
  /** The messages that come back: text as a string, binary as a Buffer. */
  readonly echoes?: ReadonlyArray<string | Buffer>
  /** The payloads of the pongs. */
  readonly pongs?: readonly string[]
  /** The code of the client's own close frame, which the server gives back; 1005 for an empty one. */
  readonly end?: number
  /** The reason that goes with it. */
  readonly reason?: string
  /** The code the server closes with because of what it was sent. */
  readonly fault?: number
  /** The bytes end in the middle of a frame. Unless one of these three is said, the connection goes on. */
  readonly isCut?: boolean
}

export interface Row {
  /** A sentence of behaviour. */
  readonly name: string
  readonly bytes: Buffer
  readonly expected: Expected
}

export function row (name: string, bytes: Buffer | readonly Buffer[], expected: Expected = {}): Row {
  return { name, bytes: Buffer.isBuffer(bytes) ? bytes : Buffer.concat(bytes), expected }
}
