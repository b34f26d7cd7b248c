import type { TestContext } from 'node:test'
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'

/** A browser that talks to nobody but the test, closed when the test ends. */
export async function launchChromium (t: TestContext): Promise<Browser> {
  const browser = await chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: [
      '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
      '--disable-background-networking', '--disable-component-update', '--disable-sync'
    ]
  })
  t.after(() => browser.close())
  return browser
}

/**
 * A page in a profile of its own, closed when the test ends. What goes wrong in it, an exception or something that its
 * Content-Security-Policy forbids, fails the test.
 */
export async function openPage (t: TestContext, browser: Browser, url: string, options: BrowserContextOptions = {}): Promise<Page> {
  const context = await browser.newContext(options)
  const page = await context.newPage()
  const failures: string[] = []
  page.on('pageerror', error => failures.push(String(error)))
  page.on('console', message => { if (message.text().includes('Content Security Policy')) failures.push(message.text()) })
  t.after(async () => {
    await context.close()
    if (failures.length > 0) throw new Error(`The page failed: ${failures.join('; ')}`)
  })
  page.setDefaultTimeout(10_000)
  await page.goto(url)
  return page
}
