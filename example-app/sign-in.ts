import { randomBytes } from 'node:crypto'
import { type Static, Type } from '@sinclair/typebox'
import type { FastifyInstance } from 'fastify'
import type { Principal } from 'fastify-realtime'

const READ_ROOMS = ['subscribe:room:*', 'history:room:*', 'presence:room:*', 'subscribe:typing:*'] as const

/** What each kind of user may do. A listener hears the broadcast and the rooms, and may not speak there. */
const permissionsOf = {
  speaker: ['echo', 'broadcast', ...READ_ROOMS, 'publish:room:*', 'publish:typing:*'],
  listener: ['echo', 'subscribe:broadcast', ...READ_ROOMS]
} as const

/** How long after its end a token is still good for a new one, ms. */
const RENEWABLE = 60_000

// 1 to 32 characters that begin and end with one that can be seen; spaces around them are cut off afterwards.
const VISIBLE = '[\\p{L}\\p{M}\\p{N}\\p{P}\\p{S}]'
const Credentials = Type.Object({
  name: Type.String({ maxLength: 100, pattern: `^\\s*${VISIBLE}([^\\p{Cc}]{0,30}${VISIBLE})?\\s*$` }),
  role: Type.Union([Type.Literal('speaker'), Type.Literal('listener')])
}, { additionalProperties: false })

const Renewal = Type.Object({ token: Type.String() }, { additionalProperties: false })

/** The part of a principal that the other users may see. */
export type PersonInfo = Static<typeof Credentials>

interface Claims extends PersonInfo {
  readonly sub: string
  /** Epoch seconds. */
  readonly exp: number
}

/** Who a verified token belongs to. Its connections end when the token does. */
export function principalOf ({ sub, exp, name, role }: Claims): Principal {
  return { id: sub, permissions: permissionsOf[role], expiresAt: exp * 1_000, info: { name, role } }
}

/**
 * `POST /api/sign-in` answers with a token, `POST /api/renew` with the next one for the same principal, and `GET /api/me` with
 * whom a token belongs to. There is no password: this is an example, and everybody is who they say.
 */
export function addSignIn (app: FastifyInstance, tokenTtl: number): void {
  app.post<{ Body: PersonInfo }>('/api/sign-in', { schema: { body: Credentials } }, async ({ body }) => {
    const name = body.name.trim()
    const { role } = body
    // Two people may share a name, and one may sign in twice: each sign-in is a principal of its own.
    return issue(`${name}-${randomBytes(6).toString('base64url')}`, { name, role })
  })

  // A connection that stays open while its token is refreshed stays the same principal's.
  app.post<{ Body: Static<typeof Renewal> }>('/api/renew', { schema: { body: Renewal } }, async ({ body }, reply) => {
    let claims: Claims
    try {
      claims = app.jwt.verify<Claims>(body.token, { clockTolerance: RENEWABLE })
    } catch {
      return reply.code(401).send({ error: 'Sign in again' })
    }
    return issue(claims.sub, claims)
  })

  // A browser does not tell why a WebSocket was refused. The page asks here instead, under the same rule.
  app.get('/api/me', { preHandler: app.realtime.requires('echo') }, async ({ principal }) => ({
    id: principal!.id,
    ...principal!.info as PersonInfo
  }))

  function issue (id: string, { name, role }: PersonInfo): object {
    const token = app.jwt.sign({ sub: id, name, role }, { expiresIn: tokenTtl })
    return { token, principal: { id, name, role }, expiresIn: tokenTtl }
  }
}
