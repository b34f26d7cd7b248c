import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FastifyInstance } from 'fastify'
import type { Connection } from 'fastify-realtime'
import type { Locator, Page } from 'playwright-core'
import { launchChromium } from '../helpers/chromium.ts'
import { IMPATIENT, inState, PATIENT, start, startExample } from '../helpers/example-app.ts'
import { until } from '../helpers/until.ts'

function field (page: Page): Locator {
  return page.getByLabel('Say in the room')
}

/** Says something in the room, and waits until it is there. */
async function say (page: Page, text: string): Promise<void> {
  await field(page).fill(text)
  await field(page).press('Enter')
  await heard(page, text)
}

function lines (page: Page): Locator {
  return page.getByRole('log', { name: 'Rooms' }).getByRole('listitem')
}

function heard (page: Page, text: string): Promise<void> {
  return lines(page).getByText(text, { exact: true }).waitFor()
}

/** What has been said, from the oldest on. */
function said (page: Page): Promise<string[]> {
  return lines(page).getByRole('paragraph').allInnerTexts()
}

/** Somebody who joined, or left. */
function told (page: Page, words: string): Promise<void> {
  return lines(page).filter({ hasText: words }).waitFor()
}

/** Who is in the room, each with what is remarked on them. */
function member (page: Page, words: string): Locator {
  return page.getByRole('list', { name: 'In this room' }).getByRole('listitem').filter({ hasText: new RegExp(`^${words}$`) })
}

function note (page: Page, words: string): Promise<void> {
  return page.locator('#room-note').getByText(words, { exact: true }).waitFor()
}

function go (page: Page, room: string): Promise<void> {
  return page.getByRole('radio', { name: room }).check()
}

function press (page: Page, button: string): Promise<void> {
  return page.getByRole('button', { name: button }).click()
}

function channelsOf (app: FastifyInstance, name: string): Connection[] {
  return [...app.realtime.connections].filter(({ route, principal }) => route === 'channels' && principal.id.startsWith(`${name}-`))
}

test('the rooms of the example application', async t => {
  const browser = await launchChromium(t)

  await t.test('people in a room hear each other, and see who is there, who joins and who leaves', async t => {
    const { enter } = await startExample(t, browser)
    const ann = await enter('Ann')
    await member(ann, 'Ann you').waitFor()
    const bob = await enter('Bob')
    await member(bob, 'Ann').waitFor()
    await member(bob, 'Bob you').waitFor()
    await member(ann, 'Bob').waitFor()
    await told(ann, 'Bob joined')

    await say(ann, 'Hello Bob')
    await heard(bob, 'Hello Bob')
    await say(bob, 'Hello <b>Ann</b>')
    await heard(ann, 'Hello <b>Ann</b>')
    for (const page of [ann, bob]) assert.deepEqual(await said(page), ['Hello Bob', 'Hello <b>Ann</b>'])
    assert.equal(await field(bob).inputValue(), '')

    await press(bob, 'Sign out')
    await told(ann, 'Bob left')
    await member(ann, 'Bob').waitFor({ state: 'detached' })
  })

  await t.test('whoever enters a room reads what was said there, and nothing of another room', async t => {
    const { enter } = await startExample(t, browser)
    const ann = await enter('Ann')
    await say(ann, 'In the lobby')
    await go(ann, 'Garden')
    await member(ann, 'Ann you').waitFor()
    for (const text of ['first', 'second', 'third']) await say(ann, text)

    const bob = await enter('Bob')
    await heard(bob, 'In the lobby')
    await go(bob, 'Garden')
    await heard(bob, 'third')
    assert.deepEqual(await said(bob), ['first', 'second', 'third'])
    await told(ann, 'Bob joined')
    await go(ann, 'Lobby')
    await told(bob, 'Ann left')
    await heard(ann, 'In the lobby')
    assert.deepEqual(await said(ann), ['In the lobby'])
  })

  await t.test('a person with two tabs is there once, and leaves with the last of them', async t => {
    const { enter } = await startExample(t, browser)
    const ann = await enter('Ann')
    const first = await enter('Bob')
    const second = await enter('Bob')
    await member(ann, 'Bob 2 tabs').waitFor()
    await member(second, 'Bob you, 2 tabs').waitFor()
    await press(second, 'Sign out')
    await member(ann, 'Bob').waitFor()
    await press(first, 'Sign out')
    await told(ann, 'Bob left')
    assert.deepEqual(await lines(ann).allInnerTexts(), ['Bob joined', 'Bob left'])
  })

  await t.test('the others see who is typing, until it is said or nothing more comes, and it is in nobody\'s history', async t => {
    const { enter } = await startExample(t, browser)
    const ann = await enter('Ann')
    const bob = await enter('Bob')
    await member(ann, 'Bob').waitFor()
    const typing = ann.getByText('Bob is typing …')
    await field(bob).pressSequentially('H')
    await typing.waitFor()
    await typing.waitFor({ state: 'hidden' })
    await field(bob).pressSequentially('i')
    await typing.waitFor()
    await field(bob).press('Enter')
    await heard(ann, 'Hi')
    await typing.waitFor({ state: 'hidden' })
    await ann.reload()
    await heard(ann, 'Hi')
    assert.deepEqual(await said(ann), ['Hi'])
  })

  await t.test('a dropped connection catches up with what was said meanwhile, once and in order, and keeps what was being typed', async t => {
    const { enter } = await startExample(t, browser)
    const ann = await enter('Ann', 'Speaker', PATIENT)
    const bob = await enter('Bob')
    await say(bob, 'before')
    await heard(ann, 'before')
    await field(ann).fill('half a sen')
    await press(ann, 'Drop the connection')
    await inState(ann, 'waiting')
    await ann.getByText('Rooms: The connection was lost without a word').waitFor()
    await told(bob, 'Ann left')
    for (const text of ['one', 'two', 'three']) await say(bob, text)

    await press(ann, 'Reconnect now')
    await note(ann, 'caught up: 3 messages')
    await inState(ann, 'connected')
    await say(bob, 'after')
    await heard(ann, 'after')
    assert.deepEqual(await said(ann), ['before', 'one', 'two', 'three', 'after'])
    assert.equal(await field(ann).inputValue(), 'half a sen')
    await field(ann).press('Enter')
    await heard(bob, 'half a sen')
  })

  await t.test('a page that stays away says for how long, comes back by itself, and says when it missed nothing', async t => {
    const { app, enter } = await startExample(t, browser)
    const ann = await enter('Ann', 'Speaker', IMPATIENT)
    await member(ann, 'Ann you').waitFor()
    await press(ann, 'Drop for 5 s')
    await ann.locator('#overall').getByText('in 5 s').waitFor()
    assert.deepEqual(channelsOf(app, 'Ann'), [])
    await note(ann, 'caught up: nothing missed')
    await inState(ann, 'connected')
  })

  await t.test('who was away for longer than the history reaches is told so, and reads what there is', async t => {
    const { enter } = await startExample(t, browser, { roomHistory: { size: 2, ttl: 300_000 } })
    const ann = await enter('Ann', 'Speaker', PATIENT)
    const bob = await enter('Bob')
    await say(bob, 'before')
    await heard(ann, 'before')
    await press(ann, 'Drop the connection')
    await inState(ann, 'waiting')
    for (const text of ['one', 'two', 'three', 'four']) await say(bob, text)

    await press(ann, 'Reconnect now')
    await note(ann, 'too long away: reloaded')
    await heard(ann, 'four')
    assert.deepEqual(await said(ann), ['three', 'four'])
    await say(bob, 'after')
    await heard(ann, 'after')
    assert.deepEqual(await said(ann), ['three', 'four', 'after'])
  })

  await t.test('a listener reads, is told that it cannot write, and stays connected', async t => {
    const { app, enter } = await startExample(t, browser)
    const lee = await enter('Lee', 'Listener')
    const ann = await enter('Ann')
    await member(ann, 'Lee').waitFor()
    const [connection] = channelsOf(app, 'Lee')
    await say(ann, 'Good morning')
    await heard(lee, 'Good morning')
    await field(lee).fill('May I?')
    await field(lee).press('Enter')
    await lee.getByText('Listeners may read here and not write: the server said no. (103)').waitFor()
    assert.equal(await field(lee).inputValue(), 'May I?')
    await say(ann, 'Still there?')
    await heard(lee, 'Still there?')
    assert.deepEqual(await said(ann), ['Good morning', 'Still there?'])
    assert.deepEqual(channelsOf(app, 'Lee'), [connection])
  })

  await t.test('the rooms are live again when the server comes back, even one that does not know the token', async t => {
    const { app, port, enter } = await startExample(t, browser)
    const ann = await enter('Ann', 'Speaker', IMPATIENT)
    const bob = await enter('Bob', 'Speaker', IMPATIENT)
    await say(ann, 'before')
    await heard(bob, 'before')
    await app.close()
    for (const page of [ann, bob]) await page.getByText('The server cannot be reached. (1006)').waitFor()
    await start(t, { port }) // with another secret, and nothing of what was said
    for (const page of [ann, bob]) {
      await inState(page, 'connected')
      await note(page, 'too long away: reloaded')
    }
    await say(ann, 'after')
    await heard(bob, 'after')
    assert.deepEqual(await said(bob), ['after'])
  })

  await t.test('a token that runs out is refreshed while the connection goes on', async t => {
    const { app, enter } = await startExample(t, browser, { tokenTtl: 2 })
    const ann = await enter('Ann', 'Speaker', IMPATIENT)
    await member(ann, 'Ann you').waitFor()
    const [connection] = channelsOf(app, 'Ann')
    assert.ok(connection)
    // The routes without a refresh have ended with their tokens, and come back.
    await ann.getByText('Before that: Chat, Echo, People: Your sign-in had run out.').waitFor()
    const end = connection.principal.expiresAt!
    await until(() => connection.principal.expiresAt! > end + 2_000)
    assert.deepEqual(channelsOf(app, 'Ann'), [connection])
    await say(ann, 'Still the same connection')
    assert.equal(connection.signal.aborted, false)
  })

  await t.test('a message that arrived although its answer did not is not left in the field', async t => {
    const { enter } = await startExample(t, browser)
    const ann = await enter('Ann', 'Speaker', PATIENT)
    await member(ann, 'Ann you').waitFor()
    await field(ann).fill('Did it arrive?')
    // The connection is to be dropped right behind the message, with the answer still on its way.
    await ann.evaluate("document.getElementById('room-form').requestSubmit(); setTimeout(() => document.getElementById('drop').click())")
    await inState(ann, 'waiting')
    await press(ann, 'Reconnect now')
    await heard(ann, 'Did it arrive?')
    assert.equal(await field(ann).inputValue(), '')
    assert.deepEqual(await said(ann), ['Did it arrive?'])
  })

  await t.test('nothing in the rooms is wider than a phone', async t => {
    const { enter } = await startExample(t, browser)
    const page = await enter('W'.repeat(32), 'Speaker', '/', { viewport: { width: 390, height: 844 } })
    await say(page, `${'W'.repeat(200)} https://example.com/${'x'.repeat(200)}`)
    const sideways = "[document.documentElement, ...document.querySelectorAll('.log, .members')].filter(({ scrollWidth, clientWidth }) => scrollWidth > clientWidth).length"
    assert.equal(await page.evaluate<number>(sideways), 0)
  })
})
