import type { FastifyRequest } from 'fastify'
import type { ResolvedOptions } from '../resolve-options.ts'

/**
 * Whether the page that opens the connection may. Browsers let any page open a WebSocket anywhere, with the user's cookies,
 * and leave it to the server to look at the Origin header. Whoever sends none is not a browser.
 */
export function isAllowedOrigin (request: FastifyRequest, allowed: ResolvedOptions['allowedOrigins']): boolean {
  const { origin } = request.headers
  if (origin === undefined || allowed === '*') return true
  if (typeof allowed === 'function') return allowed(origin, request)
  if (allowed === 'same-origin') return isSameHost(origin, request.host)
  return allowed.includes(origin)
}

/** By host and port only: behind a proxy that ends TLS, the scheme that the browser saw is not the one seen here. */
function isSameHost (origin: string, host: string): boolean {
  // Browsers send an origin in its one canonical form; anything else is not what it seems.
  if (!URL.canParse(origin)) return false
  const url = new URL(origin)
  if (url.origin !== origin) return false
  const defaultPort = url.protocol === 'https:' ? ':443' : ':80'
  const asked = host.toLowerCase()
  return url.host === (asked.endsWith(defaultPort) ? asked.slice(0, -defaultPort.length) : asked)
}
