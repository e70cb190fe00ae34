// The commands as a person runs them: each against one running engine, each with --json as the last line, each wrong call
// with a status and the remedy.
import assert from 'node:assert/strict'
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { createInterface } from 'node:readline'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { openPresentLog } from './command-log.ts'

const program = fileURLToPath(new URL('./freshet.ts', import.meta.url))
const dataDir = mkdtempSync(join(tmpdir(), 'freshet-commands-'))
const environment = { ...process.env, FRESHET_GATEWAY_PORT: '0' }
let engine: ChildProcess
let url = ''

before(async () => {
  const started = await start()
  engine = started.child
  url = started.url
  for (const [index, hashtag] of ['cooking', 'cats', 'chess', 'cooking', 'cats', 'chess'].entries()) {
    const body = { creatorId: `creator-${index}`, durationMs: 15_000, hashtags: [hashtag] }
    const reply = await send('PUT', `/v1/videos/video-${index}`, body)
    assert.equal(reply.status, 202)
  }
})

after(async () => {
  await stopped(engine)
  rmSync(dataDir, { recursive: true, force: true })
})

test('topics shows what the log holds', async () => {
  const { topics } = await json('topics')
  const videos = (topics as { name: string; offsetSpan: number }[]).find((topic) => topic.name === 'videos')
  assert.equal(videos?.offsetSpan, 6)
})

test('feed shows a page, and with --explain why', async () => {
  const page = await json('feed', 'kim', '--limit', '3', '--explain')
  const entries = page.entries as { videoId: string; source: string; scores?: object }[]
  assert.equal(entries.length, 3)
  for (const entry of entries) assert.ok(entry.scores && entry.source)
  const explained = page.explained as { entries: { features: Record<string, unknown> }[] }
  for (const { features } of explained.entries) assert.ok('logDuration' in features && 'creator' in features)
  const { stdout } = await freshet('feed', 'kim', '--limit', '1', '--explain')
  assert.match(stdout, /^0: video video-\d/m)
  assert.match(stdout, /^ {2}predicted +complete 0\.\d+, longView/m)
  assert.match(stdout, /^ {2}values [\s\S]*logDuration \d/m)
})

test('who only reads makes no folder', async () => {
  const nowhere = join(dataDir, 'nowhere')
  await assert.rejects(openPresentLog({ dataDir: nowhere }), {
    code: 'usage',
    message: /there is no log in .*nowhere; name/,
  })
  assert.ok(!existsSync(nowhere))
})

test('tail shows records as they are, from where it is told', async () => {
  const { stdout } = await freshet('tail', 'videos', '--from', 'offset=2', '--max', '2')
  const lines = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  assert.deepEqual(
    lines.map((line) => [line.offset, line.value.type, line.value.videoId]),
    [
      [2, 'VideoPublished', 'video-2'],
      [3, 'VideoPublished', 'video-3'],
    ],
  )
})

test('a swipe is joined, learned and served; lag and freshness say so', async () => {
  const page = (await (await fetch(`${url}/v1/feed?user=ann&limit=2`)).json()) as {
    requestId: string
    entries: { videoId: string; position: number }[]
  }
  const events = page.entries.map(({ videoId, position }) => ({
    type: 'VideoWatched',
    userId: 'ann',
    videoId,
    position,
    requestId: page.requestId,
    watchTimeMs: 15_000,
    durationMs: 15_000,
    completed: true,
    replays: 0,
  }))
  assert.equal((await send('POST', '/v1/events', { events })).status, 202)
  for (;;) {
    const { arrivals, freshnessMs } = await json('freshness')
    if (arrivals === 0) continue
    assert.ok((freshnessMs as { p50: number }).p50 > 0)
    break
  }
  const { lag } = await json('lag')
  const groups = new Set((lag as { group: string }[]).map((row) => row.group))
  for (const group of ['joiner', 'counter', 'trainer.foryou', 'item-encoder.foryou', 'engagements', 'serving']) {
    assert.ok(groups.has(group), `${group} is a consumer group`)
  }
})

test('simulate swipes on the running engine', async () => {
  const report = await json('simulate', '--users', '3', '--seconds', '2', '--events-per-second', '50')
  assert.ok((report.eventsAccepted as number) > 0)
  assert.equal(report.eventsRejected, 0)
})

test('evaluate predicts the examples of the log', async () => {
  const evaluation = await json('evaluate', '--from', 'earliest')
  assert.ok((evaluation.scored as number) >= 2)
  assert.ok('longView' in (evaluation.auc as object))
})

test('metrics of every thread come out of one door', async () => {
  const text = await (await fetch(`${url}/metrics`)).text()
  for (const name of [
    'freshet_gateway_events_total',
    'freshet_serving_pages_total',
    'freshet_learning_examples_total',
  ]) {
    assert.match(text, new RegExp(`^${name}`, 'm'))
  }
})

test('wrong calls say what to write', async () => {
  for (const [parts, words] of [
    [['tail', 'nothing'], /there is no topic nothing; the topics are/],
    [['tail', 'videos', '--from', 'yesterday'], /write earliest, latest, offset=N/],
    [['evaluate'], /give --from for the examples of the log/],
    [['import', 'parquet', '--log', 'x', '--users', 'x', '--videos', 'x'], /write import kuairand/],
    [['start', '--roles', 'king'], /there is no role king/],
    [['nonsense'], /freshet --help/],
  ] as const) {
    const { code, stderr } = await freshet(...parts)
    assert.notEqual(code, 0, parts.join(' '))
    assert.match(stderr, words)
  }
})

test('a second engine is refused the folder', async () => {
  const { code, stderr } = await freshet('start')
  assert.equal(code, 1)
  assert.match(stderr, /log-locked/)
})

test('stopped and started again, everything is still there', async () => {
  const before = await json('topics')
  await stopped(engine)
  const started = await start()
  engine = started.child
  url = started.url
  const offsetOf = (listing: Record<string, unknown>, name: string) =>
    (listing.topics as { name: string; offsetSpan: number }[]).find((topic) => topic.name === name)!.offsetSpan
  const now = await json('topics')
  for (const name of ['videos', 'users']) assert.equal(offsetOf(now, name), offsetOf(before, name))
  assert.ok(offsetOf(now, 'interactions') >= offsetOf(before, 'interactions'))
  const page = (await (await fetch(`${url}/v1/feed?user=ann&limit=6`)).json()) as { entries: unknown[] }
  assert.ok(page.entries.length > 0)
})

async function start(): Promise<{ child: ChildProcess; url: string }> {
  const child = spawn(process.execPath, [program, 'start', '--json', '--data-dir', dataDir], {
    env: environment,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  for await (const line of createInterface({ input: child.stdout! })) {
    if (!line.startsWith('{')) continue
    return { child, url: (JSON.parse(line) as { url: string }).url }
  }
  throw new Error('the engine ended before it was ready')
}

async function stopped(child: ChildProcess): Promise<void> {
  const ended = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGTERM')
  assert.equal(await ended, 0)
}

function freshet(...parts: readonly string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [program, ...parts, '--data-dir', dataDir],
      { env: environment },
      (error, stdout, stderr) => resolve({ code: error ? Number(error.code ?? 1) : 0, stdout, stderr }),
    )
  })
}

async function json(...parts: readonly string[]): Promise<Record<string, unknown>> {
  const { code, stdout, stderr } = await freshet(...parts, '--json')
  assert.equal(code, 0, stderr)
  return JSON.parse(stdout.trim().split('\n').at(-1)!) as Record<string, unknown>
}

function send(method: string, path: string, body: unknown): Promise<Response> {
  return fetch(`${url}${path}`, {
    method,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
}
