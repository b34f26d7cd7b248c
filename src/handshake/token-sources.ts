import type { FastifyRequest } from 'fastify'
import type { TokenSource } from '../options.ts'
import type { ResolvedAuth } from '../resolve-options.ts'

type TokenReader = (request: FastifyRequest, auth: ResolvedAuth) => string | undefined

const BEARER = /^bearer +(\S+) *$/i

const readers: Record<TokenSource, TokenReader> = {
  header: request => BEARER.exec(request.headers.authorization ?? '')?.[1],
  subprotocol: request => offeredProtocols(request).find((_, index, offered) => offered[index - 1] === 'bearer'),
  cookie: (request, auth) => nonEmpty(cookiesOf(request)?.[auth.cookieName]),
  query: (request, auth) => nonEmpty((request.query as Record<string, unknown>)[auth.queryName])
}

/** The token from the first source that has one. */
export function readToken (request: FastifyRequest, auth: ResolvedAuth): string | undefined {
  for (const source of auth.tokenFrom) {
    const token = readers[source](request, auth)
    if (token !== undefined) return token
  }
  return undefined
}

/**
 * Takes the token out of the offered subprotocols: one of those is selected, and the answer would send the secret back.
 */
export function hideOfferedToken (request: FastifyRequest, token: string): void {
  offerOnly(request, offeredProtocols(request).filter(name => name !== token))
}

/**
 * Leaves of the offered subprotocols only the first of those that the route speaks, so that nothing else can be selected.
 * @returns what was offered before
 */
export function offerFirstOf (request: FastifyRequest, spoken: readonly string[]): readonly string[] {
  const offered = offeredProtocols(request)
  offerOnly(request, spoken.filter(name => offered.includes(name)).slice(0, 1))
  return offered
}

function offerOnly (request: FastifyRequest, names: readonly string[]): void {
  const { headers } = request.raw
  if (names.length > 0) headers['sec-websocket-protocol'] = names.join(', ')
  else if ('sec-websocket-protocol' in headers) delete headers['sec-websocket-protocol']
}

/** As a browser sends them: `new WebSocket(url, ['bearer', token])`. */
function offeredProtocols (request: FastifyRequest): string[] {
  return (request.headers['sec-websocket-protocol'] ?? '').split(',').map(name => name.trim()).filter(name => name !== '')
}

function cookiesOf (request: FastifyRequest): Record<string, string | undefined> | undefined {
  return (request as { cookies?: Record<string, string | undefined> }).cookies
}

function nonEmpty (value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}
