import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { Value } from '@sinclair/typebox/value'
import type { FastifyReply, FastifyRequest, preHandlerAsyncHookHandler } from 'fastify'
import { freezePrincipal, hasPermission, type Principal } from '../core/principal.ts'
import { BadHandshakeError, ForbiddenError, InvalidPrincipalError, OriginNotAllowedError, UnauthorizedError } from '../errors.ts'
import { PrincipalSchema, type ResolvedAuth, type ResolvedOptions } from '../options.ts'
import { Admission } from './admission.ts'
import { isAllowedOrigin } from './origin.ts'
import { noteAuthentication } from './revocations.ts'
import { hideOfferedToken, readToken } from './token-sources.ts'

/** Seconds */
const RETRY_AFTER = 10

export type CreateAuthHook = (permission: string | undefined) => preHandlerAsyncHookHandler

/**
 * Makes the preHandlers that decide who gets in: 401 for whom we do not know, 403 for whom we know and do not let in, both
 * before the upgrade. They set `request.principal`.
 */
export function createAuthHooks ({ auth, allowedOrigins, limits }: ResolvedOptions, socketOf: (raw: IncomingMessage) => Duplex | undefined): CreateAuthHook {
  const admission = new Admission(limits)
  return permission => async function authenticate (request, reply) {
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
    if (principal === undefined || hasExpired(principal)) throw refuse(reply)
    if (permission !== undefined && !hasPermission(principal, permission)) throw new ForbiddenError(permission)
    if (isUpgrade) admit(reply, () => admission.enterAs(socket, principal.id))
    request.principal = principal
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

async function identify (token: string, request: FastifyRequest, auth: ResolvedAuth): Promise<Principal | undefined> {
  try {
    const principal = await auth.authenticate(token, request)
    if (principal === null) return undefined
    if (!Value.Check(PrincipalSchema, principal)) throw new InvalidPrincipalError()
    return freezePrincipal(principal)
  } catch (error) {
    // The client learns that it was refused; why the check failed is for the log alone.
    request.log.warn({ err: error }, 'authenticate failed')
    return undefined
  }
}

function hasExpired ({ expiresAt }: Principal): boolean {
  return expiresAt !== undefined && expiresAt <= Date.now()
}

function refuse (reply: FastifyReply): Error {
  reply.header('www-authenticate', 'Bearer')
  return new UnauthorizedError()
}
