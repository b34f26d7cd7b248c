import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FastifyInstance } from 'fastify'
import type { Page } from 'playwright-core'
import { launchChromium, openPage } from '../helpers/chromium.ts'
import { IMPATIENT, inState, PATIENT, signIn, start, startExample } from '../helpers/example-app.ts'

async function say (page: Page, text: string): Promise<void> {
  await page.getByLabel('Message', { exact: true }).fill(text)
  await page.keyboard.press('Enter')
}

function message (page: Page, from: string, text: string): Promise<void> {
  return page.getByRole('log', { name: 'Chat' }).getByRole('listitem').filter({ hasText: from }).getByText(text, { exact: true }).waitFor()
}

function principalsNamed (app: FastifyInstance, name: string): string[] {
  return [...new Set([...app.realtime.connections].map(({ principal }) => principal.id))].filter(id => id.startsWith(`${name}-`))
}

test('the example application', async t => {
  const browser = await launchChromium(t)

  await t.test('two speakers chat with each other, both ways', async t => {
    const { enter } = await startExample(t, browser)
    const ann = await enter('Ann')
    const bob = await enter('Bob')
    await say(ann, 'Hello Bob')
    await message(bob, 'Ann', 'Hello Bob')
    await say(bob, 'Hello <b>Ann</b>')
    await message(ann, 'Bob', 'Hello <b>Ann</b>')
    await message(ann, 'Ann', 'Hello Bob')
    assert.equal(await ann.getByRole('log', { name: 'Chat' }).getByRole('listitem').count(), 2, 'each message is shown once')
  })

  await t.test('a listener reads the chat, cannot write there, and is closed with 1008 when it tries all the same', async t => {
    const { enter } = await startExample(t, browser)
    const lee = await enter('Lee', 'Listener')
    const ann = await enter('Ann')
    await say(ann, 'Good morning')
    await message(lee, 'Ann', 'Good morning')
    assert.equal(await lee.getByLabel('Message', { exact: true }).isDisabled(), true)
    await lee.getByText('You are a listener').waitFor()

    await lee.getByRole('button', { name: 'Send anyway' }).click()
    await inState(lee, 'stopped')
    await lee.getByRole('region', { name: 'Connection problem' }).getByText('Chat: You did something you may not do here').waitFor()
    await lee.getByRole('button', { name: 'Try again' }).click()
    await inState(lee, 'connected')
    await say(ann, 'Still there?')
    await message(lee, 'Ann', 'Still there?')
    assert.equal(await ann.getByText('May I?').count(), 0)
  })

  await t.test('the echo panel shows the text that came back and how long it took', async t => {
    const { enter } = await startExample(t, browser)
    const page = await enter('Ann', 'Listener')
    await page.getByLabel('Text to echo').fill('there and back')
    await page.getByRole('button', { name: 'Echo' }).click()
    const echo = page.getByRole('list', { name: 'Echoes' }).getByRole('listitem').filter({ hasText: 'there and back' })
    await echo.getByText(/^\d+\.\d ms$/).waitFor()
  })

  await t.test('everybody sees who comes, what their latency is, and who leaves', async t => {
    const { enter } = await startExample(t, browser)
    const ann = await enter('Ann')
    const bob = await enter('Bob', 'Listener')
    const here = ann.getByRole('list', { name: 'Who is here' }).getByRole('listitem')
    await here.filter({ hasText: 'Ann (you)' }).filter({ hasText: 'speaker' }).waitFor()
    await here.filter({ hasText: 'Bob' }).filter({ hasText: 'listener' }).waitFor()
    await bob.getByRole('list', { name: 'Who is here' }).getByRole('listitem').filter({ hasText: 'Ann' }).waitFor()
    await here.filter({ hasText: 'Ann (you)' }).getByText(/^\d.* ms$/).waitFor()

    await bob.getByRole('button', { name: 'Sign out' }).click()
    await bob.getByRole('heading', { name: 'Sign in' }).waitFor()
    await here.filter({ hasText: 'Bob' }).waitFor({ state: 'detached' })
  })

  await t.test('a page whose user was disconnected says that the access was revoked, and stays away until asked', async t => {
    const { app, enter } = await startExample(t, browser)
    const page = await enter('Ann', 'Speaker', IMPATIENT)
    const [id = ''] = principalsNamed(app, 'Ann')
    await app.realtime.disconnect(id)
    // Word for word: with a name before it, not all of its connections would have ended yet.
    await page.getByText('Your access was revoked. The page stops until you try again. (4403, 3503)', { exact: true }).waitFor()
    await inState(page, 'stopped')
    assert.equal(app.realtime.stats().opened, 4, 'it has not come back')
    await page.getByRole('button', { name: 'Try again' }).click()
    await inState(page, 'connected')
  })

  await t.test('a page whose token has run out gets another by itself and reconnects', async t => {
    const { app, enter } = await startExample(t, browser, { tokenTtl: 2 })
    const page = await enter('Ann', 'Speaker', IMPATIENT)
    const [first = ''] = principalsNamed(app, 'Ann')
    await page.getByText('Before that: Chat, Echo, People: Your sign-in had run out. The page gets a new token and reconnects. (4401)').waitFor()
    await inState(page, 'connected')
    await page.getByText('Ann (you)').waitFor()
    assert.deepEqual(principalsNamed(app, 'Ann'), [first], 'it is still the same principal')
  })

  await t.test('a page reconnects by itself when the server comes back, even to one that does not know its token', async t => {
    const { app, port, enter } = await startExample(t, browser)
    const page = await enter('Ann', 'Speaker', IMPATIENT)
    await app.close()
    await page.getByText('The server cannot be reached. (1006)').waitFor()
    await start(t, { port }) // with another secret
    await inState(page, 'connected')
    await page.getByText(/Before that: .*The server did not know the token any more/).waitFor()
  })

  await t.test('a page that waits says for how long and why, and reconnects at once when told to', async t => {
    const jwtSecret = 'the same before and after'
    const { app, port, enter } = await startExample(t, browser, { jwtSecret })
    const page = await enter('Ann', 'Speaker', PATIENT)
    await app.close()
    await page.getByText('The server is shutting down. The page reconnects by itself, and waits longer each time. (1001, 3001)').waitFor()
    await page.locator('#overall').getByText(/in \d+ s$/).waitFor()
    await start(t, { port, jwtSecret })
    await page.getByRole('button', { name: 'Reconnect now' }).click()
    await inState(page, 'connected')
  })

  await t.test('a reload keeps who is signed in, and a sign-out forgets it', async t => {
    const { enter } = await startExample(t, browser)
    const page = await enter('Ann', 'Listener')
    await page.reload()
    await inState(page, 'connected')
    assert.equal(await page.locator('#my-role').innerText(), 'listener')
    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.reload()
    await page.getByRole('heading', { name: 'Sign in' }).waitFor()
  })

  await t.test('a name without a visible character is refused with words', async t => {
    const { port } = await startExample(t, browser)
    const page = await openPage(t, browser, `http://127.0.0.1:${port}/`)
    await signIn(page, '   ')
    await page.getByText('A name has 1 to 32 visible characters.').waitFor()
  })

  await t.test('nothing is wider than a phone, in any state of the page', async t => {
    const { app, port } = await startExample(t, browser)
    const page = await openPage(t, browser, `http://127.0.0.1:${port}${PATIENT}`, { viewport: { width: 390, height: 844 } })
    await fits('sign-in')
    await signIn(page, 'W'.repeat(32))
    await inState(page, 'connected')
    await say(page, `${'W'.repeat(200)} https://example.com/${'x'.repeat(200)}`)
    await page.getByLabel('Text to echo').fill('W'.repeat(200))
    await page.keyboard.press('Enter')
    await page.getByRole('list', { name: 'Echoes' }).getByRole('listitem').waitFor()
    await page.getByText('What the close codes mean').click()
    await page.getByText('(you)').waitFor()
    await fits('connected')
    await app.close()
    await inState(page, 'waiting')
    await fits('waiting')

    async function fits (state: string): Promise<void> {
      // The log scrolls by itself, so what is too wide there does not widen the page.
      const sideways = "[document.documentElement, ...document.querySelectorAll('.log')].filter(({ scrollWidth, clientWidth }) => scrollWidth > clientWidth).length"
      assert.equal(await page.evaluate<number>(sideways), 0, state)
    }
  })

  await t.test('the page can be used with the keyboard alone', async t => {
    const { port } = await startExample(t, browser)
    const page = await openPage(t, browser, `http://127.0.0.1:${port}/`)
    await page.getByLabel('Name').focus()
    await page.keyboard.type('Ann')
    await page.keyboard.press('Enter')
    await inState(page, 'connected')
    await page.keyboard.type('The cursor is where one writes')
    await page.keyboard.press('Enter')
    await message(page, 'Ann', 'The cursor is where one writes')
  })
})
