// The demo page in Chromium against a gateway: swipes are events, and the panel shows what they changed.
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { chromium, type Page } from 'playwright-core'
import { interactions } from '../../schemas/topics.ts'
import { listeningGateway } from '../gateway/fixtures/test-gateway.ts'
import { webFiles } from './web-files.ts'

const executablePath = '/usr/bin/chromium'
const remedy = `${executablePath} is missing: apt-get install -y chromium`
const args = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]
const missing = !existsSync(executablePath)
if (missing && process.env.CI === 'true') assert.fail(remedy)
const skip = missing ? remedy : false

async function opened(t: TestContext, viewport: { width: number; height: number }) {
  const web = await webFiles((file) => readFile(file))
  const served = await listeningGateway(t, { web }, Date.now())
  const browser = await chromium.launch({ executablePath, args })
  t.after(() => browser.close())
  const page = await browser.newPage({ viewport })
  const complaints: string[] = []
  page.on('pageerror', (error) => complaints.push(error.message))
  page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()))
  await page.goto(`${served.gateway.url}/?user=ada`)
  await ready(page)
  return { ...served, page, complaints }
}

const ready = (page: Page) => page.waitForSelector('#skip:not([disabled])')
const videoOnCard = (page: Page) => page.textContent('#video')
const eventTypes = async (log: { read(topic: string): Promise<{ type: string }[]> }) =>
  (await log.read(interactions)).map(({ type }) => type).filter((type) => type !== 'FeedServed')

async function screenshot(page: Page, name: string): Promise<void> {
  const folder = process.env.WEB_SCREENSHOT_DIR
  if (!folder) return
  // The card has come to rest.
  await page.evaluate(() => Promise.all(document.getAnimations().map((animation) => animation.finished)))
  await page.screenshot({ path: join(folder, `${name}.png`), fullPage: name === 'phone' })
}

test('buttons and keys publish what happened, and each swipe brings another card', { skip }, async (t) => {
  const { page, log, complaints } = await opened(t, { width: 1280, height: 800 })
  const steps: [act: () => Promise<void>, event: string, moves: boolean][] = [
    [() => page.click('#skip'), 'VideoSkipped', true],
    [() => page.keyboard.press('ArrowRight'), 'VideoLiked', false],
    [() => page.keyboard.press('ArrowDown'), 'VideoWatched', true],
    [() => page.click('#dislike'), 'NotInterested', true],
    [() => page.keyboard.press('ArrowUp'), 'VideoSkipped', true],
  ]
  const expected: string[] = []
  for (const [act, event, moves] of steps) {
    const before = await videoOnCard(page)
    await act()
    expected.push(event)
    while ((await eventTypes(log)).length < expected.length) await new Promise(setImmediate)
    await ready(page)
    assert.equal((await videoOnCard(page)) !== before, moves, event)
  }
  assert.deepEqual(await eventTypes(log), expected)
  assert.deepEqual(complaints, [])
  await screenshot(page, 'wide')
})

test('the panel says source, scores, reasons, versions, and how topics changed', { skip }, async (t) => {
  const { page } = await opened(t, { width: 1280, height: 800 })
  await page.click('#skip')
  await page.waitForFunction(() => document.getElementById('after')?.textContent?.startsWith('After skipping'))
  await ready(page)
  assert.match((await page.textContent('#scores'))!, /complete0\.500/)
  assert.match((await page.textContent('#reasons'))!, /near what was watched/)
  assert.match((await page.textContent('#facts'))!, /modelranker/)
  assert.equal(await page.textContent('#source'), 'two-tower')
  assert.ok((await page.locator('#topics .up').count()) > 0 && (await page.locator('#topics .down').count()) > 0)
})

test('another user, another feed; on a phone nothing is cut off', { skip }, async (t) => {
  const { page, complaints } = await opened(t, { width: 390, height: 844 })
  await page.fill('#user', 'bob')
  await page.click('#who button')
  await page.waitForURL(/user=bob/)
  await ready(page)
  const overflow = await page.evaluate(
    () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
  )
  assert.equal(overflow, 0)
  const bottom = await page.evaluate(() => document.getElementById('skip')!.getBoundingClientRect().bottom)
  assert.ok(bottom <= 844, `the buttons are on the first screen, not at ${bottom}`)
  assert.deepEqual(complaints, [])
  await screenshot(page, 'phone')
})
