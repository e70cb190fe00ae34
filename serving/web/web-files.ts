// The files of the demo page, read once at start.
import type { WebFiles } from '../gateway/web-route.ts'

const files = [
  ['/', 'index.html', 'text/html; charset=utf-8'],
  ['/web.js', 'web.js', 'text/javascript; charset=utf-8'],
  ['/web.css', 'web.css', 'text/css; charset=utf-8'],
  ['/icon.svg', 'icon.svg', 'image/svg+xml'],
] as const

/** `read` gives the bytes of a file of this folder, e.g. readFile of node:fs/promises; it rejects when one is missing. */
export async function webFiles(read: (file: URL) => Promise<Uint8Array>): Promise<WebFiles> {
  const loaded = files.map(
    async ([path, name, contentType]) =>
      [path, { contentType, bytes: await read(new URL(name, import.meta.url)) }] as const,
  )
  return new Map(await Promise.all(loaded))
}
