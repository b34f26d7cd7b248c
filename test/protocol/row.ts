/** What the echo route makes of a sequence of bytes. */
export interface Expected {
  /** The messages that come back: text as a string, binary as a Buffer. */
  readonly echoes?: ReadonlyArray<string | Buffer>
  /** The payloads of the pongs. */
  readonly pongs?: readonly string[]
  /**
   * The code the server closes with, 1005 for an empty close frame. 'open' is a connection that goes on, which is the
   * default; 'waiting' is one that goes on, in the middle of a frame.
   */
  readonly end?: number | 'open' | 'waiting'
  /** The reason in the server's close frame. */
  readonly reason?: string
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
