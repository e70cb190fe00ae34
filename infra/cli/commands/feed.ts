// freshet feed USER: what a user would get now, and with --explain why.

import type { ExplainedRequest, FeedPage } from '../../../serving/shard.ts'
import { explainedText } from '../explained-page.ts'
import { output } from '../output.ts'
import { getJson, runningGateway } from '../running-gateway.ts'
import { tableText } from '../table-text.ts'

export async function run([user]: string[], options: Record<string, unknown>): Promise<void> {
  const out = output(options.json === true)
  const explain = options.explain === true
  const query = new URLSearchParams({ user: user!, limit: String(options.limit), ...(explain ? { explain: '1' } : {}) })
  const gateway = runningGateway(options)
  const page = await getJson<FeedPage>(gateway, `/v1/feed?${query}`)
  const explained = explain
    ? await getJson<ExplainedRequest>(gateway, `/v1/requests/${encodeURIComponent(page.requestId)}`).catch(() => null)
    : null
  const rows = page.entries.map((entry) => [
    entry.position,
    entry.videoId,
    entry.creatorId,
    entry.source,
    ...(explain
      ? [(entry.scores?.final ?? entry.scores?.score ?? Number.NaN).toFixed(3), (entry.reasons ?? []).join('; ')]
      : []),
  ])
  const header = ['place', 'video', 'creator', 'source', ...(explain ? ['score', 'reasons'] : [])]
  const why = explained === null ? '' : `\n\n${explainedText(explained)}`
  const words = `${tableText(header, rows)}${why}\n\nrequest ${page.requestId}, model ${page.versions.model}`
  out.result({ ...page, ...(explained === null ? {} : { explained }) }, words)
}
