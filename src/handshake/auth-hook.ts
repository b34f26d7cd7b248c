import { Value } from '@sinclair/typebox/value'
import type { FastifyReply, FastifyRequest, preHandlerAsyncHookHandler } from 'fastify'
import { freezePrincipal, hasPermission, type Principal } from '../core/principal.ts'
import { ForbiddenError, InvalidPrincipalError, UnauthorizedError } from '../errors.ts'
import { PrincipalSchema, type ResolvedAuth } from '../options.ts'
import { hideOfferedToken, readToken } from './token-sources.ts'

export type CreateAuthHook = (permission: string | undefined) => preHandlerAsyncHookHandler

/**
 * Makes the preHandlers that decide who gets in: 401 for whom we do not know, 403 for whom we know and do not let in, both
 * before the upgrade. They set `request.principal`.
 */
export function createAuthHooks (auth: ResolvedAuth): CreateAuthHook {
  return permission => async function authenticate (request, reply) {
    const token = readToken(request, auth)
    if (token !== undefined) hideOfferedToken(request, token)
    const principal = token === undefined ? auth.anonymous : await identify(token, request, auth)
    if (principal === undefined || hasExpired(principal)) throw refuse(reply)
    if (permission !== undefined && !hasPermission(principal, permission)) throw new ForbiddenError(permission)
    request.principal = principal
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
