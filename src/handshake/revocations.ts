import type { IncomingMessage } from 'node:http'

const begun = new WeakMap<IncomingMessage, number>() // on the monotonic clock

/** Authentication of the request begins: what it finds out is as old as this moment. */
export function noteAuthentication (request: IncomingMessage): void {
  begun.set(request, performance.now())
}

/** Principals that were disconnected lately: whoever was still shaking hands then must not get in afterwards. */
export class Revocations {
  readonly #revoked = new Map<string, number>()
  readonly #maxAge: number

  /** @param handshakeTimeout ms; no handshake takes longer, so no revocation is needed for longer */
  constructor (handshakeTimeout: number) {
    this.#maxAge = handshakeTimeout
  }

  revoke (principalId: string): void {
    const now = performance.now()
    for (const [id, at] of this.#revoked) {
      if (now - at > this.#maxAge) this.#revoked.delete(id)
    }
    this.#revoked.set(principalId, now)
  }

  covers (principalId: string, request: IncomingMessage): boolean {
    const at = this.#revoked.get(principalId)
    const since = begun.get(request)
    return at !== undefined && since !== undefined && at >= since
  }
}
