import { CloseCode } from '../close-codes.ts'
import type { EndedBy } from '../core/speaker.ts'

// The numbers and words of the Centrifuge protocol. The README prints the same tables.

export interface ProtocolCode {
  readonly code: number
  readonly message: string
  /** When it is sent, for the README. */
  readonly when: string
}

const temporary = new Set([100, 111])

/** Errors in replies. The connection lives on. */
export const Errors = {
  Internal: { code: 100, message: 'internal server error', when: 'something failed here; the log says what (temporary: try again)' },
  UnknownChannel: { code: 102, message: 'unknown channel', when: 'no such namespace' },
  PermissionDenied: { code: 103, message: 'permission denied', when: 'a permission is missing' },
  MethodNotFound: { code: 104, message: 'method not found', when: 'no such `rpc` method' },
  AlreadySubscribed: { code: 105, message: 'already subscribed', when: 'the connection is in that channel' },
  LimitExceeded: { code: 106, message: 'limit exceeded', when: '`channels.maxChannelsPerConnection`' },
  BadRequest: { code: 107, message: 'bad request', when: 'a command, a channel name or `rpc` params that cannot be' },
  NotAvailable: { code: 108, message: 'not available', when: 'the channel has no history or presence, or there is no `rpc` method at all' },
  TokenExpired: { code: 109, message: 'token expired', when: '`authenticate` or `authorize` said so: the client gets a new token' },
  UnrecoverablePosition: { code: 112, message: 'unrecoverable position', when: '`history` since a position that is gone; a resume from one, if the client wants an error then' }
} as const satisfies Record<string, ProtocolCode>

/** The server ends a subscription. The client subscribes again from 2500 on. */
export const Unsubscribes = {
  Server: { code: 2000, message: 'server unsubscribe', when: '`connection.unsubscribe()`' },
  InsufficientState: { code: 2500, message: 'insufficient state', when: 'publications got lost: the client resumes' },
  Expired: { code: 2501, message: 'subscription expired', when: 'the grant of `authorize` has ended' }
} as const satisfies Record<string, ProtocolCode>

/** Close codes of the route. The client comes back after 3000 to 3499, and not after 3500 to 3999. */
export const Disconnects = {
  Shutdown: { code: 3001, message: 'shutdown', when: 'the server is shutting down' },
  Internal: { code: 3004, message: 'internal server error', when: 'a handler of `onConnect` or `onMessage` failed' },
  Expired: { code: 3005, message: 'connection expired', when: 'credentials expired, and 25 s went by without a refresh' },
  Slow: { code: 3008, message: 'slow', when: 'slow consumer' },
  InsufficientState: { code: 3010, message: 'insufficient state', when: 'publications of a server-side subscription got lost: the client resumes' },
  ForceReconnect: { code: 3011, message: 'force reconnect', when: 'drained or rebalanced' },
  NoPong: { code: 3012, message: 'no pong', when: 'a ping was not answered' },
  TooManyRequests: { code: 3013, message: 'too many requests', when: 'message rate' },
  InvalidToken: { code: 3500, message: 'invalid token', when: 'no token, a wrong one, or one of somebody else in a refresh' },
  BadRequest: { code: 3501, message: 'bad request', when: 'what came is not of the protocol, or not in its order' },
  Stale: { code: 3502, message: 'stale', when: 'no `connect` within `limits.handshakeTimeout`' },
  Force: { code: 3503, message: 'force disconnect', when: 'revoked by `disconnect()`, or closed by `connection.close()`' },
  ConnectionLimit: { code: 3504, message: 'connection limit', when: '`limits.maxConnectionsPerPrincipal`' },
  InappropriateProtocol: { code: 3506, message: 'inappropriate protocol', when: 'bytes were published into one of its channels' },
  PermissionDenied: { code: 3507, message: 'permission denied', when: 'closed with 1008' },
  NotAvailable: { code: 3508, message: 'not available', when: '`send`, and there is no `onMessage`' }
} as const satisfies Record<string, ProtocolCode>

/** What the client is told in a reply. Anything may be thrown; only this is for the client. */
export class CommandError extends Error {
  readonly code: number
  /** Trying again may help. */
  readonly temporary: boolean

  constructor ({ code, message }: { readonly code: number, readonly message: string }, detail?: string) {
    super(detail === undefined ? message : `${message}: ${detail}`)
    this.name = 'CommandError'
    this.code = code
    this.temporary = temporary.has(code)
  }
}

/** Thrown by an `rpc` handler: the client gets this code and message, and nothing is logged. */
export class RpcError extends CommandError {
  /**
   * @param code 400 to 1999, which the protocol leaves to applications
   * @throws RangeError for another one
   */
  constructor (code: number, message: string) {
    if (!Number.isInteger(code) || code < 400 || code > 1999) throw new RangeError(`The code of an RpcError is from 400 to 1999, got ${code}`)
    super({ code, message })
    this.name = 'RpcError'
  }
}

/** A command ends the connection. */
export class Disconnect extends Error {
  readonly code: number

  constructor ({ code, message }: ProtocolCode) {
    super(message)
    this.name = 'Disconnect'
    this.code = code
  }
}

const byEnd: Partial<Record<EndedBy, ProtocolCode>> = {
  shutdown: Disconnects.Shutdown,
  'slow consumer': Disconnects.Slow,
  heartbeat: Disconnects.NoPong,
  'handler error': Disconnects.Internal,
  'message rate': Disconnects.TooManyRequests,
  expiry: Disconnects.Expired
}

const byCode = new Map<number, ProtocolCode>([
  [1000, Disconnects.Force],
  [CloseCode.GoingAway, Disconnects.Shutdown],
  [CloseCode.PolicyViolation, Disconnects.PermissionDenied],
  [CloseCode.InternalError, Disconnects.Internal],
  [CloseCode.ServiceRestart, Disconnects.ForceReconnect],
  [CloseCode.TryAgainLater, Disconnects.Slow],
  [CloseCode.CredentialsExpired, Disconnects.Expired],
  [CloseCode.Revoked, Disconnects.Force],
  [CloseCode.TooManyMessages, Disconnects.TooManyRequests]
])

const words = new Map<number, string>(Object.values(Disconnects).map(({ code, message }) => [code, message]))

/** How this protocol says what the other routes say with codes of their own. A code of the application stays as it is. */
export function farewell (code: number, endedBy: EndedBy, reason: string | undefined): { code: number, reason: string } {
  const translated = byEnd[endedBy] ?? byCode.get(code)
  if (translated === undefined) return { code, reason: reason ?? words.get(code) ?? '' }
  return { code: translated.code, reason: reason ?? translated.message }
}
