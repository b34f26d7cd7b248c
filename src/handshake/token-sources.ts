import type { FastifyRequest } from 'fastify'
import type { ResolvedAuth, TokenSource } from '../options.ts'

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
 * Leaves of the offered subprotocols only what may be selected. The `ws` package answers with the first one offered, and
 * where the client offered its token that would send the secret back: so only `bearer` stays, or nothing.
 */
export function keepSelectableProtocol (request: FastifyRequest): void {
  const { headers } = request.raw
  if (offeredProtocols(request).includes('bearer')) headers['sec-websocket-protocol'] = 'bearer'
  else delete headers['sec-websocket-protocol']
}

/** As a browser sends them: `new WebSocket(url, ['bearer', token])`. */
function offeredProtocols (request: FastifyRequest): string[] {
  return (request.headers['sec-websocket-protocol'] ?? '').split(',').map(name => name.trim())
}

function cookiesOf (request: FastifyRequest): Record<string, string | undefined> | undefined {
  return (request as { cookies?: Record<string, string | undefined> }).cookies
}

function nonEmpty (value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}
