// KuaiRand said as a mapping is what `import kuairand` reads: the same events with the same ids.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { samplePaths } from '../../simulation/sample.ts'
import { readCsv } from './csv-files.ts'
import { csvFolder, kuairandMapping } from './csv-fixtures.ts'
import { readKuairand } from './kuairand-files.ts'

const folder = csvFolder()
after(() => folder.remove())

test('KuaiRand said as a mapping is what import kuairand reads', async () => {
  const lines = gunzipSync(readFileSync(samplePaths.log)).toString().split(/\r?\n/)
  const log = folder.write('kuairand.csv', lines.slice(0, 3_000).join('\n'))
  const mapping = folder.write('kuairand.jsonc', JSON.stringify(kuairandMapping({ ...samplePaths, log })))
  const said = await readCsv({ mapping })
  const read = await readKuairand({ logs: [log], users: samplePaths.users, videos: samplePaths.videos })
  assert.deepEqual([...said.timeline('keep')], [...read.timeline('keep')])
  const withoutId = ({ eventId: _, ...record }: { readonly eventId: string }) => record
  assert.deepEqual(said.users.map(withoutId), read.users.map(withoutId))
  // The aspect is computed from two columns: no mapping says that.
  const plain = read.videos.map((video) => {
    const { aspect: _, ...attributes } = video.attributes
    return withoutId({ ...video, attributes } as typeof video)
  })
  assert.deepEqual(said.videos.map(withoutId), plain)
})
