// A model spec as it lies in a file: whatever is wrong with it is told with the file's name.
import { readFileSync } from 'node:fs'
import { type ParseError, parse, printParseErrorCode } from 'jsonc-parser'
import { defaultFeatures } from '../../streams/features/default-features.ts'
import { type FeatureSet, featureSet } from '../../streams/features/feature-set.ts'
import { FreshetError } from '../../streams/runtime/errors.ts'
import { modelLayout, patternFits } from '../../trainers/model/model-layout.ts'
import { type ModelSpec, modelSpec } from '../../trainers/model/model-spec.ts'

/** Throws config-invalid, naming file, and line or field. */
export function readSpecFile(path: string): ModelSpec {
  return naming(path, () => modelSpec(parsed(path)))
}

/** Throws config-invalid, naming file and field, where a spec names a slot or a dense value that no feature writes. */
export function checkFits(path: string, spec: ModelSpec, features: FeatureSet): void {
  naming(path, () => {
    modelLayout(spec, features)
    checkPatterns(spec, features)
  })
}

/** A pattern may be for a default feature that was left out; one that nothing could ever fit is misspelt. */
function checkPatterns(spec: ModelSpec, features: FeatureSet): void {
  const known = [features, featureSet(defaultFeatures)]
  for (const part of ['ranker', 'towers'] as const) {
    for (const side of ['query', 'entry'] as const) {
      const choice = spec[part]?.[`${side}Dense`] ?? { include: [], exclude: [] }
      const names = [...new Set(known.flatMap((set) => set[side].denseNames))]
      for (const list of ['include', 'exclude'] as const) {
        const misfit = choice[list].find((pattern) => !names.some((name) => patternFits(pattern, name)))
        if (misfit === undefined) continue
        const shown = names.filter((name) => !/\.\d+$/.test(name)).join(', ')
        const reason = `no dense value of that side fits ${JSON.stringify(misfit)}; there are ${shown}`
        throw new FreshetError('config-invalid', `${part}.${side}Dense.${list}: ${reason}`)
      }
    }
  }
}

function parsed(path: string): unknown {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (cause) {
    throw new FreshetError('config-invalid', 'it cannot be read; name a JSON file that holds a model spec', { cause })
  }
  const errors: ParseError[] = []
  const value: unknown = parse(text, errors, { allowTrailingComma: true })
  const [first] = errors
  if (!first) return value
  const line = text.slice(0, first.offset).split('\n').length
  throw new FreshetError(
    'config-invalid',
    `line ${line}: ${printParseErrorCode(first.error)}; write JSON, comments allowed`,
  )
}

function naming<Found>(path: string, act: () => Found): Found {
  try {
    return act()
  } catch (cause) {
    if (!(cause instanceof FreshetError)) throw cause
    throw new FreshetError(cause.code, `${path}: ${cause.message}`, { cause, details: cause.details })
  }
}
