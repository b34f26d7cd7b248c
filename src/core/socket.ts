/**
 * What the core needs of a WebSocket. The server side of the `ws` package has this shape, and so has a test's fake.
 * Nothing here may throw while the socket is open.
 */
export interface Socket {
  /** 1 is open, as in the browser. */
  readonly readyState: number
  /** Bytes handed over and not yet taken by the operating system. */
  readonly bufferedAmount: number
  send (payload: Uint8Array, options: { binary: boolean }): void
  ping (): void
  /** Reads on after a pause. */
  resume (): void
  /** Sends a close frame behind everything sent so far. */
  close (code: number, reason: string): void
  /** Drops the connection without a close frame. */
  terminate (): void
}

export const OPEN = 1

/** The byte stream below the WebSocket, a TCP or TLS socket, to which whole frames are written. */
export interface Wire {
  /** Bytes that wait in this process because the peer does not read fast enough. */
  readonly writableLength: number
  write (bytes: Uint8Array): boolean
  /** Between these two, writes are gathered into one. */
  cork (): void
  uncork (): void
}
