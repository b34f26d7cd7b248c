import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { Value } from '@sinclair/typebox/value'
import type { FastifyReply, FastifyRequest, preHandlerAsyncHookHandler } from 'fastify'
import { freezePrincipal, hasPermission, type Principal } from '../core/principal.ts'
import { logThrown } from '../core/thrown.ts'
import { BadHandshakeError, ForbiddenError, InvalidPrincipalError, OriginNotAllowedError, UnauthorizedError } from '../errors.ts'
import { PrincipalSchema } from '../options.ts'
import type { ResolvedAuth, ResolvedOptions } from '../resolve-options.ts'
import { Admission } from './admission.ts'
import { saysExpired } from './expired.ts'
import { isAllowedOrigin } from './origin.ts'
import { noteAuthentication } from './revocations.ts'
import { hideOfferedToken, readToken } from './token-sources.ts'

/** Seconds */
const RETRY_AFTER = 10

export type CreateAuthHook = (permission: string | undefined) => preHandlerAsyncHookHandler

/** Why a token was refused. */
export type Refusal = 'invalid' | 'expired'

/** Everything that decides who gets in. */
export interface Gate {
  /** The preHandler of a route: 401 for whom we do not know, 403 for whom we know and do not let in. It sets `request.principal`. */
  readonly requires: CreateAuthHook
  /** The same for a route whose clients may bring their token later: without one, `request.principal` stays null. */
  readonly welcomes: preHandlerAsyncHookHandler
  /** Who it is whose token comes after the upgrade. */
  identify (token: string, request: FastifyRequest): Promise<Principal | Refusal>
  /**
   * Counts the connection's place among those of its principal.
   * @throws FST_RT_TOO_MANY_OF_PRINCIPAL
   */
  enterAs (request: FastifyRequest, principalId: string): void
}

export function createGate ({ auth, allowedOrigins, limits }: ResolvedOptions, socketOf: (raw: IncomingMessage) => Duplex | undefined): Gate {
  const admission = new Admission(limits)

  async function authenticate (request: FastifyRequest, reply: FastifyReply, permission: string | undefined, isLate: boolean): Promise<void> {
    const isUpgrade = isUpgradeRequest(request)
    const socket = socketOf(request.raw)
    if (isUpgrade) {
      if (!isWellFormed(request)) throw new BadHandshakeError()
      if (!isAllowedOrigin(request, allowedOrigins)) throw new OriginNotAllowedError()
      admit(reply, () => admission.enter(socket, addressOf(request) ?? ''))
    }
    noteAuthentication(request.raw)
    const token = readToken(request, auth)
    if (token !== undefined) hideOfferedToken(request, token)
    const principal = token === undefined ? auth.anonymous : await identify(token, request, auth)
    if (principal === undefined && isLate) return
    if (typeof principal !== 'object' || hasExpired(principal, request)) throw refuse(reply)
    if (permission !== undefined && !hasPermission(principal, permission)) throw new ForbiddenError(permission)
    // A later token may make somebody else of it, who is counted then.
    if (isUpgrade && !isLate) admit(reply, () => admission.enterAs(socket, principal.id))
    request.principal = principal
  }

  return {
    requires: permission => (request, reply) => authenticate(request, reply, permission, false),
    welcomes: (request, reply) => authenticate(request, reply, undefined, true),
    async identify (token, request) {
      noteAuthentication(request.raw)
      const principal = await identify(token, request, auth)
      return typeof principal === 'object' && hasExpired(principal, request) ? 'expired' : principal
    },
    enterAs: (request, principalId) => admission.enterAs(request.raw.socket, principalId)
  }
}

/** Whether a WebSocket is asked for; under `inject`, which has no socket to upgrade, the header alone says so. */
export function isUpgradeRequest (request: FastifyRequest): boolean {
  return request.ws || request.headers.upgrade?.toLowerCase() === 'websocket'
}

/** RFC 6455, section 4.2.1. What comes by `injectWS` was never written down as a request. */
function isWellFormed ({ raw }: FastifyRequest): boolean {
  const socket = raw.socket as typeof raw.socket | undefined
  return socket === undefined || (raw.httpVersion === '1.1' && raw.headers.host !== undefined)
}

/** The peer's address, as far as the application trusts its proxies. Under `injectWS` there may be none. */
export function addressOf (request: FastifyRequest): string | undefined {
  const socket = request.raw.socket as typeof request.raw.socket | undefined
  return socket === undefined ? undefined : request.ip
}

/** Whoever found no place may ask again when others may have left. */
function admit (reply: FastifyReply, enter: () => void): void {
  try {
    enter()
  } catch (error) {
    reply.header('retry-after', String(RETRY_AFTER))
    throw error
  }
}

async function identify (token: string, request: FastifyRequest, auth: ResolvedAuth): Promise<Principal | Refusal> {
  try {
    const principal = await auth.authenticate(token, request)
    if (principal === null) return 'invalid'
    const wrong = Value.Errors(PrincipalSchema, principal).First()
    if (wrong !== undefined) throw new InvalidPrincipalError(`${wrong.path.slice(1) || 'it'} is wrong: ${wrong.message}`)
    return freezePrincipal(principal)
  } catch (error) {
    // The client learns that it was refused; why the check failed is for the log alone.
    logThrown(request.log, 'warn', error, 'authenticate failed')
    return saysExpired(error) ? 'expired' : 'invalid'
  }
}

/** The log tells the number: whoever gave seconds sees it. */
function hasExpired ({ id, expiresAt }: Principal, { log }: FastifyRequest): boolean {
  if (expiresAt === undefined || expiresAt > Date.now()) return false
  log.info({ principal: id, expiresAt }, 'credentials have expired (expiresAt is epoch ms)')
  return true
}

function refuse (reply: FastifyReply): Error {
  reply.header('www-authenticate', 'Bearer')
  return new UnauthorizedError()
}
