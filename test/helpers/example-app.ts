import type { TestContext } from 'node:test'
import type { FastifyInstance } from 'fastify'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { buildApp, type ExampleOptions } from '../../example-app/app.ts'
import { openPage } from './chromium.ts'

/** Addresses of the page: one reconnects as fast as it can, the other hardly ever. */
export const IMPATIENT = '/?backoff-min=20&backoff-max=100'
export const PATIENT = '/?backoff-min=600000&backoff-max=600000'

export interface Example {
  readonly app: FastifyInstance
  readonly port: number
  /** Opens a tab and signs in there. */
  enter (name: string, role?: 'Speaker' | 'Listener', path?: string, options?: BrowserContextOptions): Promise<Page>
}

export async function start (t: TestContext, options: ExampleOptions & { port?: number } = {}): Promise<{ app: FastifyInstance, port: number }> {
  const app = await buildApp(options)
  t.after(() => app.close())
  const { port } = new URL(await app.listen({ port: options.port ?? 0, host: '127.0.0.1' }))
  return { app, port: Number(port) }
}

export async function startExample (t: TestContext, browser: Browser, appOptions: ExampleOptions = {}): Promise<Example> {
  const { app, port } = await start(t, appOptions)
  return {
    app,
    port,
    async enter (name, role = 'Speaker', path = '/', options = {}) {
      const page = await openPage(t, browser, `http://127.0.0.1:${port}${path}`, options)
      await signIn(page, name, role)
      await inState(page, 'connected')
      return page
    }
  }
}

export async function signIn (page: Page, name: string, role: 'Speaker' | 'Listener' = 'Speaker'): Promise<void> {
  await page.getByLabel('Name').fill(name)
  await page.getByRole('radio', { name: role }).check()
  await page.getByRole('button', { name: 'Sign in' }).click()
}

/** The page shows the state of its worst connection: `connected` means all four. */
export function inState (page: Page, state: 'connected' | 'waiting' | 'stopped'): Promise<void> {
  return page.locator(`#overall[data-state=${state}]`).waitFor()
}
