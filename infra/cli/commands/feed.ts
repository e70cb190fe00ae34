// freshet feed USER: what a user would get now, and with --explain why.

import type { FeedPage } from '../../../serving/shard.ts'
import { output } from '../output.ts'
import { getJson, runningGateway } from '../running-gateway.ts'
import { tableText } from '../table-text.ts'

export async function run([user]: string[], options: Record<string, unknown>): Promise<void> {
  const out = output(options.json === true)
  const explain = options.explain === true
  const query = new URLSearchParams({ user: user!, limit: String(options.limit), ...(explain ? { explain: '1' } : {}) })
  const page = await getJson<FeedPage>(runningGateway(options), `/v1/feed?${query}`)
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
  out.result({ ...page }, `${tableText(header, rows)}\n\nrequest ${page.requestId}, model ${page.versions.model}`)
}
