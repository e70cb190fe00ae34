// The features of a run: those of the configuration, or as a file says. A JSON file leaves some of the default features out
// and appends others; a TypeScript or JavaScript file is one to append.
import { readFileSync } from 'node:fs'
import { dirname, extname, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type ParseError, parse, printParseErrorCode } from 'jsonc-parser'
import Type, { type Static } from 'typebox'
import Value from 'typebox/value'
import { defaultFeatures, selectFeatures } from '../../../streams/features/default-features.ts'
import type { Feature } from '../../../streams/features/feature.ts'
import { FreshetError } from '../../../streams/runtime/errors.ts'

const fileSchema = Type.Object(
  {
    /** Names; one * stands for any letters. */
    exclude: Type.Optional(Type.Array(Type.String({ minLength: 1 }))),
    /** Modules that export `feature`; relative to the file. */
    append: Type.Optional(Type.Array(Type.String({ minLength: 1 }))),
  },
  { additionalProperties: false },
)

/** `path` null: the defaults without those excluded. Throws config-invalid, naming the file and what to write. */
export async function chosenFeatures(path: string | null, excluded: readonly string[]): Promise<readonly Feature[]> {
  if (path === null) return selectFeatures({ exclude: excluded })
  if (extname(path) !== '.json') {
    const feature = await featureOf(resolve(path))
    checkNew([feature], path)
    return [...selectFeatures({ exclude: excluded }), feature]
  }
  const { exclude = [], append = [] } = readChoice(path)
  const kept = selectFeatures({ exclude })
  const appended = await Promise.all(append.map((module) => featureOf(resolve(dirname(path), module))))
  checkNew(appended, path)
  return [...kept, ...appended]
}

function checkNew(appended: readonly Feature[], path: string): void {
  for (const { name } of appended) {
    if (defaultFeatures.every((feature) => feature.name !== name)) continue
    throw refused(path, `feature ${name} is in the default list already: leave it out of --features`)
  }
}

function readChoice(path: string): Static<typeof fileSchema> {
  const errors: ParseError[] = []
  const value = parse(readText(path), errors)
  const [error] = errors
  if (error) throw refused(path, printParseErrorCode(error.error))
  if (!Value.Check(fileSchema, value)) throw refused(path, 'write { "exclude": ["name"], "append": ["./feature.ts"] }')
  return value
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    throw refused(path, 'it cannot be read')
  }
}

async function featureOf(path: string): Promise<Feature> {
  let module: { readonly feature?: Partial<Feature> }
  try {
    module = await import(pathToFileURL(path).href)
  } catch (cause) {
    throw refused(path, `it cannot be loaded: ${(cause as Error).message}`)
  }
  const { feature } = module
  if (feature && typeof feature.name === 'string' && feature.slots && feature.dense) return feature as Feature
  throw refused(path, 'it must export `feature` with a name, slots and dense values (streams/features/feature.ts)')
}

function refused(path: string, reason: string): FreshetError {
  return new FreshetError('config-invalid', `features ${path}: ${reason}`)
}
