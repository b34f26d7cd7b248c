/** One row of the close-code table. `client` is the advice the README gives to whoever writes one. */
export interface CloseCodeEntry {
  readonly code: number
  readonly reason: string
  readonly when: string
  readonly client: string
}

/** Every close code this plugin sends by itself. Codes below 4000 are RFC 6455's; the others are ours. */
export const CloseCode = Object.freeze({
  GoingAway: 1001,
  PolicyViolation: 1008,
  MessageTooBig: 1009,
  InternalError: 1011,
  ServiceRestart: 1012,
  TryAgainLater: 1013,
  CredentialsExpired: 4401,
  Revoked: 4403,
  TooManyMessages: 4429
})

/** The table the README prints, in the same words. */
export const closeCodes: readonly CloseCodeEntry[] = [
  { code: CloseCode.GoingAway, reason: 'server shutting down', when: 'the server is shutting down', client: 'reconnect with backoff' },
  { code: CloseCode.PolicyViolation, reason: 'not permitted', when: 'it did what it may not do', client: 'stop' },
  { code: CloseCode.MessageTooBig, reason: '', when: 'message too large', client: 'stop' },
  { code: CloseCode.InternalError, reason: 'handler failed', when: 'a handler failed', client: 'reconnect with backoff' },
  { code: CloseCode.ServiceRestart, reason: 'rebalanced', when: 'drained or rebalanced', client: 'reconnect' },
  { code: CloseCode.TryAgainLater, reason: 'slow consumer', when: 'slow consumer, overload', client: 'reconnect with backoff' },
  { code: CloseCode.CredentialsExpired, reason: 'credentials expired', when: 'credentials expired', client: 'new token, then reconnect' },
  { code: CloseCode.Revoked, reason: 'revoked', when: 'revoked by `disconnect()`', client: 'stop' },
  { code: CloseCode.TooManyMessages, reason: 'too many messages', when: 'message rate', client: 'reconnect later' }
]

const reasons = new Map(closeCodes.map(({ code, reason }) => [code, reason]))

/** The reason that goes with one of our own codes; empty for any other. */
export function reasonOf (code: number): string {
  return reasons.get(code) ?? ''
}

/** Whether RFC 6455 (section 7.4) lets an endpoint put this code into a close frame. */
export function isSendableCloseCode (code: number): boolean {
  if (!Number.isInteger(code)) return false
  if (code >= 3000) return code <= 4999
  return code >= 1000 && code <= 1014 && code !== 1004 && code !== 1005 && code !== 1006
}

/** A control frame carries 125 bytes, two of which are the code. */
const MAX_REASON_BYTES = 123

/** Cuts a close reason to the 123 bytes that fit, never in the middle of a character. */
export function cutReason (reason: string): string {
  const bytes = Buffer.from(reason)
  if (bytes.length <= MAX_REASON_BYTES) return reason
  let end = MAX_REASON_BYTES
  // 10xxxxxx continues a character that began earlier: step back to where it begins.
  while (end > 0 && (bytes[end]! & 0xc0) === 0x80) end--
  return bytes.toString('utf8', 0, end)
}
