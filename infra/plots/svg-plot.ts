// Vega-Lite drawn as SVG without a browser: the same specification gives the same bytes.
import { parse, View } from 'vega'
import { type Config, compile, type TopLevelSpec } from 'vega-lite'

/** How all plots look unless they say otherwise. */
export const plotLook: Config = {
  font: 'sans-serif',
  axis: { labelFontSize: 11, titleFontSize: 11 },
  view: { stroke: null },
}

/** Two colours that tell apart by any eye, then others. */
export const plotColors = ['#2b6cb0', '#dd8438', '#4c956c', '#9f5f9f', '#718096', '#b23a48'] as const

export async function svgPlot(spec: TopLevelSpec): Promise<string> {
  const view = new View(parse(compile({ ...spec, config: { ...plotLook, ...spec.config } } as TopLevelSpec).spec), {
    renderer: 'none',
  })
  const svg = await view.toSVG()
  view.finalize()
  return svg
}
