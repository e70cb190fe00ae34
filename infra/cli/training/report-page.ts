// A report as one HTML file that needs nothing beside it: styles and pictures are inside.

export interface ReportSection {
  readonly title: string
  /** Markup; text in it comes from `escaped`. */
  readonly body: string
}

const style = `
:root { color-scheme: light; }
body { margin: 0; background: #f4f6f8; color: #1f2933; font: 15px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif; }
main { max-width: 1080px; margin: 0 auto; padding: 32px 16px 64px; }
h1 { font-size: 26px; margin: 0 0 4px; letter-spacing: -0.01em; }
h2 { font-size: 17px; margin: 0 0 10px; }
.lead { color: #52606d; margin: 0 0 22px; }
section { background: #fff; border: 1px solid #e4e7eb; border-radius: 10px; padding: 18px 22px; margin: 0 0 18px; }
.tiles { display: flex; flex-wrap: wrap; gap: 14px; margin: 0 0 18px; }
.tile { background: #fff; border: 1px solid #e4e7eb; border-radius: 10px; padding: 12px 16px; flex: 1 1 120px; }
.tile b { display: block; font-size: 22px; font-weight: 600; font-variant-numeric: tabular-nums; }
.tile span { color: #52606d; font-size: 13px; }
.scroll { overflow-x: auto; background: linear-gradient(to right, #fff 30%, #fff0) left / 40px 100% no-repeat local,
  linear-gradient(to left, #fff 30%, #fff0) right / 40px 100% no-repeat local,
  linear-gradient(to right, #1f293326, #1f293300) left / 12px 100% no-repeat scroll,
  linear-gradient(to left, #1f293326, #1f293300) right / 12px 100% no-repeat scroll; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; font-size: 13px; }
th, td { text-align: right; padding: 5px 7px; border-bottom: 1px solid #edf0f2; white-space: nowrap; }
th { color: #52606d; font-weight: 600; white-space: normal; vertical-align: bottom; }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
table.facts td { text-align: left; white-space: normal; overflow-wrap: anywhere; }
table.facts td:first-child { color: #52606d; width: 180px; }
.note { color: #52606d; font-size: 13px; margin: 8px 0 0; }
.better { color: #1f7a4d; font-weight: 600; }
.worse { color: #b23a48; font-weight: 600; }
.unclear { color: #7b8794; }
figure { margin: 0; }
figure svg { display: block; width: 100%; min-width: 640px; height: auto; }
`

export function reportPage(title: string, lead: string, tiles: string, sections: readonly ReportSection[]): string {
  const body = sections
    .map((section) => `<section><h2>${escaped(section.title)}</h2>${section.body}</section>`)
    .join('\n')
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(title)}</title>
<style>${style}</style>
</head>
<body>
<main>
<h1>${escaped(title)}</h1>
<p class="lead">${lead}</p>
${tiles}
${body}
</main>
</body>
</html>
`
}

/** Numbers that are looked at first. */
export function tiles(entries: readonly (readonly [value: string, label: string])[]): string {
  const cells = entries.map(
    ([value, label]) => `<div class="tile"><b>${escaped(value)}</b><span>${escaped(label)}</span></div>`,
  )
  return `<div class="tiles">${cells.join('')}</div>`
}

/** Cells are markup where they begin with <span, else text. */
export function tableHtml(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const cell = (text: string) => (text.startsWith('<span') ? text : escaped(text))
  const head = header.map((name) => `<th>${escaped(name)}</th>`).join('')
  const body = rows.map((row) => `<tr>${row.map((text) => `<td>${cell(text)}</td>`).join('')}</tr>`).join('\n')
  return `<div class="scroll"><table><thead><tr>${head}</tr></thead><tbody>${body}</tbody></table></div>`
}

export function factsHtml(facts: readonly (readonly [name: string, value: string])[]): string {
  const rows = facts.map(([name, value]) => `<tr><td>${escaped(name)}</td><td>${escaped(value)}</td></tr>`)
  return `<table class="facts"><tbody>${rows.join('\n')}</tbody></table>`
}

export function figure(svg: string, caption: string): string {
  return `<div class="scroll"><figure>${svg}</figure></div><p class="note">${escaped(caption)}</p>`
}

export function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (mark) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[mark]!)
}

/** A dash where there is no number. */
export function fixed(value: number | null | undefined, digits = 4): string {
  return value === null || value === undefined || !Number.isFinite(value) ? '–' : value.toFixed(digits)
}

/** With its sign; what rounds to nothing is told as between 0 and the last digit. */
export function signed(value: number | null | undefined, digits = 4): string {
  if (value === 0) return '0'
  const text = fixed(value, digits)
  if (text === '–') return text
  const least = (10 ** -digits).toFixed(digits)
  if (Number(text) === 0) return text.startsWith('-') ? `>−${least}` : `<${least}`
  return text.startsWith('-') ? text.replace('-', '−') : `+${text}`
}

export function whole(value: number): string {
  return value.toLocaleString('en')
}
