import type { TestContext } from 'node:test'
import Fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify'
import { type Principal, realtime, type RealtimeOptions } from '../../src/index.ts'

/** Who the tests' tokens belong to: the token is the name. */
export const principals: Record<string, Principal> = {
  alice: { id: 'alice', permissions: ['*'] },
  bob: { id: 'bob', permissions: ['echo', 'broadcast'] },
  listener: { id: 'listener', permissions: ['echo', 'subscribe:broadcast', 'subscribe:news'] },
  nobody: { id: 'nobody', permissions: [] }
}

export function authenticate (token: string): Principal | null {
  return principals[token] ?? null
}

export interface TestApp extends FastifyInstance {
  /** Every line the application has logged, parsed. */
  logged: Array<Record<string, unknown>>
}

export interface BuildOptions extends Partial<RealtimeOptions> {
  fastify?: FastifyServerOptions
  /** Runs before the plugin is registered. */
  before?: (app: FastifyInstance) => void | Promise<void>
  /** Runs after the plugin is registered, before the application is ready. */
  routes?: (app: FastifyInstance) => void | Promise<void>
}

/** An application with the plugin, ready, closed when the test ends. */
export async function buildApp (t: TestContext, { fastify, before, routes, ...options }: BuildOptions = {}): Promise<TestApp> {
  const logged: TestApp['logged'] = []
  const stream = { write: (line: string) => { logged.push(JSON.parse(line)) } }
  const app = Fastify({ logger: { level: 'trace', stream }, ...fastify }) as unknown as TestApp
  app.logged = logged
  t.after(() => app.close())
  await before?.(app)
  await app.register(realtime, { auth: { authenticate }, ...options })
  await routes?.(app)
  await app.ready()
  return app
}

/** Listens on a free port of the loopback interface. Returns `ws://127.0.0.1:PORT`. */
export async function listen (app: FastifyInstance): Promise<string> {
  const address = await app.listen({ port: 0, host: '127.0.0.1' })
  return address.replace('http', 'ws')
}

export function bearer (token: string): { authorization: string } {
  return { authorization: `Bearer ${token}` }
}
