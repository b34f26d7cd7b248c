import type { FastifyBaseLogger } from 'fastify'
import { CloseCode } from '../close-codes.ts'
import type { EndedBy } from '../core/speaker.ts'
import type { AppConnection } from './shared.ts'

/** The close code that goes with a protocol error of the `ws` package, where it is not 1002. */
const protocolErrorCodes: Record<string, number> = {
  WS_ERR_UNSUPPORTED_MESSAGE_LENGTH: CloseCode.MessageTooBig,
  WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH: CloseCode.MessageTooBig,
  WS_ERR_INVALID_UTF8: 1007,
  WS_ERR_TOO_MANY_BUFFERED_PARTS: CloseCode.PolicyViolation
}

/** How a connection ended that this side did not close: by the peer's close frame, a protocol error, or with no word. */
export function goodbyeOf (code: number, reason: Buffer, failure: Error | undefined, endedBy: EndedBy | undefined): { code: number, reason: string } {
  if (endedBy === 'heartbeat') return { code: 1006, reason: 'no answer to the heartbeat' }
  if (failure === undefined || !('code' in failure)) return { code, reason: reason.toString() }
  return { code: protocolErrorCodes[String(failure.code)] ?? 1002, reason: failure.message }
}

const VICTIMS: ReadonlySet<EndedBy> = new Set(['heartbeat', 'slow consumer'])

/** The one line of a connection's end. */
export function logEnd (log: FastifyBaseLogger, connection: AppConnection, code: number, reason: string): void {
  const endedBy = connection.endedBy ?? 'client'
  const line = {
    connectionId: connection.id,
    route: connection.route,
    principal: connection.principal.id,
    code,
    reason,
    endedBy,
    duration: Date.now() - connection.connectedAt,
    ...connection.traffic
  }
  if (VICTIMS.has(endedBy)) log.warn(line, `connection ended by ${endedBy}`)
  else log.info(line, 'connection ended')
}
