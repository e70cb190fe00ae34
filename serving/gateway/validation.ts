// Requests are checked against the schemas the document is made of; what does not fit is named with its field and remedy.
import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv'
import type { FastifySchemaCompiler } from 'fastify'
import { nearestName } from '../../streams/runtime/nearest-name.ts'
import { ApiError } from './api-errors.ts'

const settings = { verbose: true, strict: false, useDefaults: true } as const
/** Bodies are typed: "5" is not 5. Everything in a URL is text, so there it is read as what the schema says. */
const bodies = new Ajv(settings)
const texts = new Ajv({ ...settings, coerceTypes: 'array' })

export interface Misfit {
  readonly kind: 'unknown-field' | 'missing-field' | 'invalid-field'
  readonly field: string
  readonly message: string
  readonly remedy: string
}

export function compileBody(schema: object): ValidateFunction {
  return bodies.compile(schema)
}

export const validatorCompiler: FastifySchemaCompiler<object> = ({ schema, httpPart }) => {
  const validate = (httpPart === 'body' ? bodies : texts).compile(schema)
  return (value: unknown) => {
    if (validate(value)) return { value }
    const { field, message, remedy } = misfitOf(validate.errors ?? [])
    return { error: new ApiError('invalid-request', message, remedy, field) }
  }
}

/** The first complaint, in words. */
export function misfitOf(errors: readonly ErrorObject[]): Misfit {
  const error = errors[0]
  if (!error)
    return { kind: 'invalid-field', field: '', message: 'it does not fit the schema', remedy: 'see /openapi.json' }
  const at = error.instancePath.slice(1).replaceAll('/', '.')
  const inside = (name: string) => (at === '' ? name : `${at}.${name}`)
  const known = error.parentSchema?.properties as Record<string, { description?: string }> | undefined
  const unknown = known && unknownField(error, known)
  if (unknown !== undefined) {
    const nearest = nearestName(unknown, Object.keys(known!))
    return {
      kind: 'unknown-field',
      field: inside(unknown),
      message: `there is no field ${inside(unknown)}`,
      remedy: nearest ? `did you mean ${nearest}?` : `known fields are ${Object.keys(known!).join(', ')}`,
    }
  }
  if (error.keyword === 'required') {
    const name = (error.params as { missingProperty: string }).missingProperty
    return {
      kind: 'missing-field',
      field: inside(name),
      message: `the field ${inside(name)} is missing`,
      remedy: `send ${inside(name)}${meaning(known?.[name]?.description)}`,
    }
  }
  const allowed = (error.params as { allowedValues?: readonly unknown[] }).allowedValues
  const complaint = allowed ? `must be one of ${allowed.join(', ')}` : (error.message ?? 'does not fit')
  const field = at === '' ? 'the body' : at
  return {
    kind: 'invalid-field',
    field: at,
    message: `${field} ${complaint}`,
    remedy: `send ${field}${meaning((error.parentSchema as { description?: string } | undefined)?.description)}`,
  }
}

/** A field that is not known explains one that is missing better than the other way round: it is the same, mistyped. */
function unknownField(error: ErrorObject, known: object): string | undefined {
  if (error.keyword !== 'required' && error.keyword !== 'additionalProperties') return undefined
  if (error.parentSchema?.additionalProperties !== false) return undefined
  return Object.keys(error.data as object).find((name) => !Object.hasOwn(known, name))
}

function meaning(description: string | undefined): string {
  return description ? `: ${description}` : ' as /openapi.json says'
}

/** The value of a query with its defaults; throws invalid-request. For where no framework checks it. */
export function checkQuery<Value>(schema: object, value: Record<string, string>): Value {
  const validate = texts.compile(schema)
  if (validate(value)) return value as Value
  const { field, message, remedy } = misfitOf(validate.errors ?? [])
  throw new ApiError('invalid-request', message, remedy, field)
}
