import type { Socket } from '../../src/core/socket.ts'

/** A socket in memory that remembers what it was asked to do, with a switch for a peer that does not read. */
export class FakeSocket implements Socket {
  readyState = 1
  bufferedAmount = 0
  /** Nothing leaves while this is true: `bufferedAmount` grows. */
  isStuck = false
  readonly sent: Array<string | Uint8Array> = []
  readonly calls: string[] = []

  send (payload: Uint8Array, { binary }: { binary: boolean }): void {
    this.sent.push(binary ? payload : Buffer.from(payload).toString())
    if (this.isStuck) this.bufferedAmount += payload.length
  }

  ping (): void { this.calls.push('ping') }

  resume (): void { this.calls.push('resume') }

  close (code: number, reason: string): void {
    this.readyState = 2
    this.calls.push(`close ${code} ${reason}`)
  }

  terminate (): void {
    this.readyState = 2
    this.calls.push('terminate')
  }
}
