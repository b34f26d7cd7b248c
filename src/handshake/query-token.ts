import type { IncomingMessage } from 'node:http'
import { normalize } from 'node:path/posix'
import type { FastifyBaseLogger } from 'fastify'

// A token in the query would be in the access log, in the log of a 404 and in its answer. So it is taken out of the URL
// before Fastify sees it, kept beside the request, and put back into `request.query` for whoever reads it there.

const taken = new WeakMap<IncomingMessage, string>()

/** Takes the parameter out of the request's URL, if its path, however it is written, is at or below the prefix. */
export function takeQueryToken (raw: IncomingMessage, name: string, prefix: string): void {
  const path = normalize(decode((raw.url ?? '').split('?', 1)[0]!)).toLowerCase()
  if (path !== prefix.toLowerCase() && !path.startsWith(`${prefix.toLowerCase()}/`)) return
  const parts = partsOf(raw.url ?? '', name)
  if (parts === undefined) return
  raw.url = parts.clean
  taken.set(raw, parts.value)
}

/** Puts what was taken back into the parsed query. */
export function restoreQueryToken (request: { readonly raw: IncomingMessage, readonly query: unknown }, name: string): void {
  const value = taken.get(request.raw)
  if (value !== undefined) (request.query as Record<string, unknown>)[name] = value
}

/**
 * Options for a child logger that leave the parameter out of `req`, for requests that do not come through the server:
 * those of `inject`. Whatever serializer the application has still runs first.
 */
export function redactingLogOptions<O extends { serializers?: object }> (logger: FastifyBaseLogger, options: O, raw: IncomingMessage, name: string): O {
  if (partsOf(raw.url ?? '', name) === undefined) return options
  const serializers: Serializers = { ...(logger as { [PINO_SERIALIZERS]?: Serializers })[PINO_SERIALIZERS], ...options.serializers }
  const serialize = serializers.req ?? ((request: unknown) => request)
  return { ...options, serializers: { ...serializers, req: (request: unknown) => withoutParameter(serialize(request), name) } }
}

type Serializers = Record<string | symbol, (value: unknown) => unknown>
const PINO_SERIALIZERS = Symbol.for('pino.serializers')

function withoutParameter (logged: unknown, name: string): unknown {
  if (typeof logged !== 'object' || logged === null || !('url' in logged) || typeof logged.url !== 'string') return logged
  return { ...logged, url: partsOf(logged.url, name)?.clean ?? logged.url }
}

function partsOf (url: string, name: string): { clean: string, value: string } | undefined {
  const start = url.indexOf('?')
  if (start < 0) return undefined
  let value: string | undefined
  const rest = url.slice(start + 1).split('&').filter(pair => {
    const [key = '', ...text] = pair.split('=')
    if (decode(key) !== name) return true
    value = decode(text.join('='))
    return false
  })
  if (value === undefined) return undefined
  return { clean: url.slice(0, start) + (rest.length > 0 ? `?${rest.join('&')}` : ''), value }
}

function decode (text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    return text
  }
}
