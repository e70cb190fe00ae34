// The demo page: one card at a time; each swipe tells the log what happened and pulls the page that reflects it.
const limit = 6
const part = (id) => document.getElementById(id)

let user = ''
/** The page whose first entry is on screen. */
let page = null
let topicsBefore = null
let shownAtMs = 0
let liked = false
let busy = false
/** Catalog facts by video, so that a card asked for twice is drawn at once. */
const hashtagsByVideo = new Map()

async function call(method, path, body) {
  const startMs = performance.now()
  const response = await fetch(path, {
    method,
    ...(body ? { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) } : {}),
  })
  const answer = await response.json()
  if (!response.ok) throw new Error(`${answer.error.message}; ${answer.error.remedy}`)
  return { answer, tookMs: performance.now() - startMs }
}

/** One event, under an id of its own: sent again after a failure, it takes effect once. */
async function publish(type, fields) {
  const eventId = `web-${Array.from(crypto.getRandomValues(new Uint32Array(4)), (word) => word.toString(36)).join('')}`
  const entry = page.entries[0]
  const event = { type, eventId, eventTimeMs: Date.now(), userId: user, videoId: entry.videoId }
  Object.assign(event, { requestId: page.requestId, position: entry.position }, fields)
  const send = () => call('POST', '/v1/events', { events: [event] })
  const { answer, tookMs } = await send().catch(send)
  if (answer.rejected.length > 0) throw new Error(answer.rejected[0].message)
  return tookMs
}

async function pull(cursor) {
  const query = new URLSearchParams({ user, limit: String(limit), explain: '1', surface: 'web', device: 'browser' })
  if (cursor) query.set('cursor', cursor)
  const { answer, tookMs } = await call('GET', `/v1/feed?${query}`)
  await Promise.all(answer.entries.map((entry) => learnHashtags(entry.videoId)))
  return { page: answer, tookMs }
}

async function learnHashtags(videoId) {
  if (hashtagsByVideo.has(videoId)) return
  const hashtags = await call('GET', `/v1/videos/${encodeURIComponent(videoId)}`).then(
    ({ answer }) => answer.hashtags,
    () => [],
  )
  hashtagsByVideo.set(videoId, hashtags)
}

/** Runs one thing at a time; a failure is said, never swallowed. */
async function act(work) {
  if (busy) return
  busy = true
  enable()
  try {
    await work()
    say('')
  } catch (error) {
    say(error.message, true)
  } finally {
    busy = false
    enable()
  }
}

const swipe = (words, type, fields) =>
  act(async () => {
    if (!page?.entries.length) return
    const eventMs = await publish(type, fields)
    topicsBefore = topicsOf(page.entries)
    const next = await pull(page.cursor)
    // The shard has nothing more in this session: a new one may have.
    const fresh = next.page.entries.length > 0 ? next : await pull(null)
    show(fresh.page, words, fresh.tookMs, eventMs)
  })

const openFeed = (name) =>
  act(async () => {
    user = name
    part('user').value = name
    history.replaceState(null, '', `?user=${encodeURIComponent(name)}`)
    topicsBefore = null
    const first = await pull(null)
    show(first.page, '', first.tookMs, null)
  })

const actions = {
  watch() {
    const durationMs = duration()
    return swipe('After watching to the end', 'VideoWatched', { watchTimeMs: durationMs, durationMs, completed: true, replays: 0 })
  },
  skip: () => swipe('After skipping', 'VideoSkipped', { watchTimeMs: watched(), durationMs: duration() }),
  dislike: () => swipe('After “not interested”', 'NotInterested', { reason: 'less of this' }),
  like: () =>
    act(async () => {
      if (!page?.entries.length) return
      await publish('VideoLiked', { withdrawn: liked })
      liked = !liked
      part('like').classList.toggle('on', liked)
    }),
}

const duration = () => Math.round(page.entries[0].playback.durationMs)
const watched = () => Math.min(Math.round(performance.now() - shownAtMs), duration())

function show(next, words, feedMs, eventMs) {
  page = next
  liked = false
  shownAtMs = performance.now()
  part('like').classList.remove('on')
  const entry = page.entries[0]
  part('empty').hidden = Boolean(entry)
  part('empty').textContent = entry ? '' : 'Nothing to show yet: publish videos, or import a log.'
  if (entry) drawCard(entry)
  drawFacts(feedMs, eventMs)
  drawTopics(words)
  drawScores(entry)
  const ahead = page.entries.slice(1).map((one) => {
    const row = element('li')
    row.style.setProperty('--hue', hueOf(one.videoId))
    row.append(element('div', '', element('b', one.creatorId), element('small', `${one.source} · ${tagsOf(one).join(' ') || one.videoId}`)))
    return row
  })
  part('ahead').replaceChildren(...ahead)
}

function drawCard(entry) {
  const card = part('card')
  card.style.setProperty('--hue', hueOf(entry.videoId))
  // Starts the entrance again for each card.
  card.classList.add('changing')
  void card.offsetWidth
  card.classList.remove('changing')
  part('source').textContent = entry.source
  part('initial').textContent = (tagsOf(entry)[0] ?? `#${entry.creatorId}`).slice(1, 2).toUpperCase()
  part('creator').textContent = `@${entry.creatorId}`
  part('video').textContent = `${entry.videoId} · ${(entry.playback.durationMs / 1000).toFixed(1)} s`
  part('hashtags').replaceChildren(...tagsOf(entry).map((tag) => element('li', tag)))
}

function drawFacts(feedMs, eventMs) {
  const offsets = Object.values(page.versions.log).reduce((sum, offset) => sum + offset, 0)
  const facts = [
    ['feed', `${feedMs.toFixed(0)} ms`],
    ['event durable', eventMs === null ? '–' : `${eventMs.toFixed(0)} ms`],
    ['model', page.versions.model],
    ['policy', `v${page.versions.policy}`],
    ['log read to', offsets.toLocaleString('en')],
  ]
  if (page.unlogged) facts.push(['record', 'unlogged'])
  part('facts').replaceChildren(...facts.map(([name, value]) => element('div.fact', '', element('span', name), element('strong', value))))
}

function drawTopics(words) {
  const now = topicsOf(page.entries)
  const before = topicsBefore ?? now
  const names = [...new Set([...now.keys(), ...before.keys()])]
  const weight = (name) => Math.max(now.get(name) ?? 0, before.get(name) ?? 0)
  names.sort((left, right) => weight(right) - weight(left) || left.localeCompare(right))
  part('after').textContent = words ? `${words}: the white mark is the page before.` : 'Swipe, and see what the next page makes of it.'
  const rows = names.slice(0, 8).map((name) => {
    const change = (now.get(name) ?? 0) - (before.get(name) ?? 0)
    const percent = Math.round(change * 100)
    const text = topicsBefore && percent !== 0 ? `${percent > 0 ? '+' : '−'}${Math.abs(percent)} %` : `${Math.round((now.get(name) ?? 0) * 100)} %`
    const tone = topicsBefore && percent !== 0 ? (percent > 0 ? 'up' : 'down') : ''
    return bar(name, now.get(name) ?? 0, text, topicsBefore ? (before.get(name) ?? 0) : undefined, tone)
  })
  part('topics').replaceChildren(...rows)
}

function drawScores(entry) {
  const scores = Object.entries(entry?.scores ?? {})
  const rows = scores.slice(0, 12).map(([name, value]) => bar(name, Math.min(1, Math.max(0, value)), value.toFixed(3)))
  part('scores').replaceChildren(...(rows.length ? rows : [element('p.hint', 'No scores came with it.')]))
  part('reasons').replaceChildren(...(entry?.reasons ?? []).map((reason) => element('li', reason)))
}

/** Share of the page's entries that carry a topic: hashtags, else the creator. */
function topicsOf(entries) {
  const shares = new Map()
  for (const entry of entries) {
    const tags = tagsOf(entry)
    for (const topic of tags.length ? tags : [`@${entry.creatorId}`]) shares.set(topic, (shares.get(topic) ?? 0) + 1 / entries.length)
  }
  return shares
}

const tagsOf = (entry) => (hashtagsByVideo.get(entry.videoId) ?? []).map((tag) => `#${tag}`)

function bar(name, share, text, before, tone = '') {
  const track = element('div.track')
  const fill = element('i')
  fill.style.transform = `scaleX(${share})`
  track.append(fill)
  if (before !== undefined) {
    const mark = element('i.before')
    mark.style.left = `${before * 100}%`
    track.append(mark)
  }
  return element('div.bar', '', element('span', name), track, element(tone ? `em.${tone}` : 'em', text))
}

function element(what, text = '', ...children) {
  const [name, kind] = what.split('.')
  const made = document.createElement(name)
  if (kind) made.className = kind
  made.textContent = text
  made.append(...children)
  return made
}

/** The same id, the same colour: FNV-1a over its characters, mixed so that neighbours differ. */
function hueOf(id) {
  let hash = 0x811c9dc5
  for (let index = 0; index < id.length; index++) hash = Math.imul(hash ^ id.charCodeAt(index), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 15), 0x85ebca6b)
  return ((hash ^ (hash >>> 13)) >>> 0) % 360
}

function say(text, bad = false) {
  part('status').textContent = text
  part('status').classList.toggle('bad', bad)
}

function enable() {
  for (const name of Object.keys(actions)) part(name).disabled = busy || !page?.entries.length
}

function play() {
  if (page?.entries.length) part('progress').style.transform = `scaleX(${duration() > 0 ? watched() / duration() : 0})`
  requestAnimationFrame(play)
}

const actionByKey = { ArrowDown: 'watch', ArrowUp: 'skip', ArrowRight: 'like', ArrowLeft: 'dislike' }
document.addEventListener('keydown', (event) => {
  const action = actionByKey[event.key]
  if (!action || event.target instanceof HTMLInputElement) return
  event.preventDefault()
  actions[action]()
})
for (const name of Object.keys(actions)) part(name).addEventListener('click', () => actions[name]())
part('who').addEventListener('submit', (event) => {
  event.preventDefault()
  part('user').blur()
  openFeed(part('user').value.trim())
})
requestAnimationFrame(play)
openFeed(new URLSearchParams(location.search).get('user') || 'demo')
