import { Value } from '@sinclair/typebox/value'
import type { FastifyReply, FastifyRequest, preHandlerAsyncHookHandler } from 'fastify'
import { hasPermission, type Principal } from '../core/principal.ts'
import { ForbiddenError, InvalidPrincipalError, UnauthorizedError } from '../errors.ts'
import { PrincipalSchema, type ResolvedAuth } from '../options.ts'
import { keepSelectableProtocol, readToken } from './token-sources.ts'

export type CreateAuthHook = (permission: string | undefined) => preHandlerAsyncHookHandler

/**
 * Makes the preHandlers that decide who gets in: 401 for whom we do not know, 403 for whom we know and do not let in, both
 * before the upgrade. They set `request.principal`.
 */
export function createAuthHooks (auth: ResolvedAuth): CreateAuthHook {
  return permission => async function authenticate (request, reply) {
    const principal = await identify(request, auth)
    keepSelectableProtocol(request)
    if (principal === undefined) throw refuse(reply)
    if (permission !== undefined && !hasPermission(principal, permission)) throw new ForbiddenError(permission)
    request.principal = principal
  }
}

async function identify (request: FastifyRequest, auth: ResolvedAuth): Promise<Principal | undefined> {
  const token = readToken(request, auth)
  if (token === undefined) return auth.anonymous
  try {
    const principal = await auth.authenticate(token, request)
    if (principal === null) return undefined
    if (!Value.Check(PrincipalSchema, principal)) throw new InvalidPrincipalError()
    return principal.expiresAt === undefined || principal.expiresAt > Date.now() ? principal : undefined
  } catch (error) {
    // The client learns that it was refused; why the check failed is for the log alone.
    request.log.warn({ err: error }, 'authenticate failed')
    return undefined
  }
}

function refuse (reply: FastifyReply): Error {
  reply.header('www-authenticate', 'Bearer')
  return new UnauthorizedError()
}
