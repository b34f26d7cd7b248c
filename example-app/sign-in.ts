import { randomBytes } from 'node:crypto'
import { type Static, Type } from '@sinclair/typebox'
import type { FastifyInstance } from 'fastify'
import type { Principal } from 'fastify-realtime'

/** What each kind of user may do. A listener hears the broadcast and may not speak there. */
const permissionsOf = {
  speaker: ['echo', 'broadcast'],
  listener: ['echo', 'subscribe:broadcast']
} as const

// 1 to 32 characters that begin and end with one that can be seen; spaces around them are cut off afterwards.
const VISIBLE = '[\\p{L}\\p{M}\\p{N}\\p{P}\\p{S}]'
const Credentials = Type.Object({
  name: Type.String({ maxLength: 100, pattern: `^\\s*${VISIBLE}([^\\p{Cc}]{0,30}${VISIBLE})?\\s*$` }),
  role: Type.Union([Type.Literal('speaker'), Type.Literal('listener')])
}, { additionalProperties: false })

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
 * `POST /api/sign-in` answers with a token, and `GET /api/me` with whom a token belongs to. There is no password: this is
 * an example, and everybody is who they say.
 */
export function addSignIn (app: FastifyInstance, tokenTtl: number): void {
  app.post<{ Body: PersonInfo }>('/api/sign-in', { schema: { body: Credentials } }, async ({ body }) => {
    const name = body.name.trim()
    const { role } = body
    // Two people may share a name, and one may sign in twice: each sign-in is a principal of its own.
    const id = `${name}-${randomBytes(6).toString('base64url')}`
    const token = app.jwt.sign({ sub: id, name, role }, { expiresIn: tokenTtl })
    return { token, principal: { id, name, role }, expiresIn: tokenTtl }
  })

  // A browser does not tell why a WebSocket was refused. The page asks here instead, under the same rule.
  app.get('/api/me', { preHandler: app.realtime.requires('echo') }, async ({ principal }) => ({
    id: principal!.id,
    ...principal!.info as PersonInfo
  }))
}
