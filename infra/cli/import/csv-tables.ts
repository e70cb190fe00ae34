// Side tables of a log of another shape as profiles and videos. An id that comes again is a bad row: the first stands.
import { projectContent } from '../../../streams/features/content-projection.ts'
import { BadValue } from './bad-rows.ts'
import { type CellReader, type Cells, CsvColumns, numberOf } from './csv-cells.ts'
import type { AttributesMapping, UsersMapping, VideosMapping } from './csv-mapping.ts'
import { invalid } from './read-mapping.ts'

type Attributes = Readonly<Record<string, number | string>>

export interface CsvUser {
  readonly userId: string
  /** Null: the table does not say. */
  readonly joinedTimeMs: number | null
  readonly region: string | null
  readonly language: string | null
  readonly birthYear: number | null
  readonly attributes: Attributes
}

export interface CsvVideo {
  readonly videoId: string
  readonly creatorId: string | null
  /** 0: the table does not say. */
  readonly durationMs: number
  readonly publishedTimeMs: number | null
  readonly soundId: string | null
  readonly hashtags: readonly string[]
  readonly category: string | null
  readonly language: string | null
  readonly region: string | null
  readonly embedding: readonly number[] | null
  readonly attributes: Attributes
}

/** As the API takes them. */
const attributesMax = 64
const attributeLengthMax = 1_024
const hashtagsMax = 64

export function userRowReader(names: readonly string[], mapping: UsersMapping): (cells: Cells) => CsvUser {
  const columns = new CsvColumns(mapping.file, names)
  const id = columns.id(mapping.id, 'users.id')
  const joined = mapping.joined ? columns.time(mapping.joined, 'users.joined') : () => null
  const region = columns.optionalId(mapping.region, 'users.region')
  const language = columns.optionalId(mapping.language, 'users.language')
  const birthYear = mapping.birthYear ? columns.number(mapping.birthYear, 'users.birthYear') : () => null
  const named = [mapping.id, mapping.joined?.column, mapping.region, mapping.language, mapping.birthYear]
  const attributes = attributesReader(mapping.attributes, columns, named, 'users.attributes')
  columns.check()
  const seen = new Set<string>()
  return (cells) => {
    const year = birthYear(cells)
    if (year !== null && !Number.isInteger(year)) throw new BadValue(`${mapping.birthYear} is not a whole year`)
    return {
      userId: first(seen, id(cells), mapping.id),
      joinedTimeMs: joined(cells),
      region: region(cells),
      language: language(cells),
      birthYear: year,
      attributes: attributes(cells),
    }
  }
}

export function videoRowReader(names: readonly string[], mapping: VideosMapping): (cells: Cells) => CsvVideo {
  const columns = new CsvColumns(mapping.file, names)
  const id = columns.id(mapping.id, 'videos.id')
  const creator = columns.optionalId(mapping.creator, 'videos.creator')
  const duration = columns.span(mapping.duration, 'videos.duration')
  const published = mapping.published ? columns.time(mapping.published, 'videos.published') : () => null
  const sound = columns.optionalId(mapping.sound?.column, 'videos.sound.column')
  const noSound = new Set(mapping.sound?.none)
  const hashtags = hashtagsReader(mapping.hashtags, columns)
  const category = columns.optionalId(mapping.category, 'videos.category')
  const language = columns.optionalId(mapping.language, 'videos.language')
  const region = columns.optionalId(mapping.region, 'videos.region')
  const embedding = embeddingReader(mapping.embedding, columns)
  const named = [
    ...[mapping.id, mapping.creator, mapping.category, mapping.language, mapping.region],
    ...[mapping.duration, mapping.published, mapping.sound, mapping.hashtags, mapping.embedding].map((m) => m?.column),
    ...(mapping.embedding?.columns ?? []),
  ]
  const attributes = attributesReader(mapping.attributes, columns, named, 'videos.attributes')
  columns.check()
  const seen = new Set<string>()
  return (cells) => {
    const soundId = sound(cells)
    const video: CsvVideo = {
      videoId: id(cells),
      creatorId: creator(cells),
      durationMs: duration(cells) ?? 0,
      publishedTimeMs: published(cells),
      soundId: soundId !== null && noSound.has(soundId) ? null : soundId,
      hashtags: hashtags(cells),
      category: category(cells),
      language: language(cells),
      region: region(cells),
      embedding: embedding(cells),
      attributes: attributes(cells),
    }
    first(seen, video.videoId, mapping.id)
    return video
  }
}

function first(seen: Set<string>, id: string, column: string): string {
  if (seen.has(id)) throw new BadValue(`${column} is there twice: the first row of an id stands`)
  seen.add(id)
  return id
}

function attributesReader(
  mapping: AttributesMapping | undefined,
  columns: CsvColumns,
  named: readonly (string | undefined)[],
  field: string,
): CellReader<Attributes> {
  const chosen = Object.entries(chosenAttributes(mapping, columns.names, named))
  if (chosen.length > attributesMax) {
    throw invalid([`${field}: ${chosen.length} columns, at most ${attributesMax}: list the ones that matter`])
  }
  const readers = chosen.map(([name, as]) => ({ name, as, text: columns.text(name, field) }))
  return (cells) => {
    const attributes: Record<string, number | string> = {}
    for (const { name, as, text } of readers) {
      const cell = text(cells)
      if (cell === '') continue
      if (cell.length > attributeLengthMax)
        throw new BadValue(`${name} is longer than ${attributeLengthMax} characters`)
      if (as === 'number') attributes[name] = numberOf(cell, name)
      else attributes[name] = as === 'auto' && Number.isFinite(Number(cell)) ? Number(cell) : cell
    }
    return attributes
  }
}

function chosenAttributes(
  mapping: AttributesMapping | undefined,
  names: readonly string[],
  named: readonly (string | undefined)[],
): Readonly<Record<string, 'number' | 'string' | 'auto'>> {
  if (mapping === undefined) return {}
  const list = mapping === 'all' ? names.filter((name) => !named.includes(name)) : mapping
  return Array.isArray(list)
    ? Object.fromEntries(list.map((name) => [name as string, 'auto' as const]))
    : (list as Readonly<Record<string, 'number' | 'string' | 'auto'>>)
}

function hashtagsReader(mapping: VideosMapping['hashtags'], columns: CsvColumns): CellReader<readonly string[]> {
  if (!mapping) return () => []
  const text = columns.text(mapping.column, 'videos.hashtags.column')
  return (cells) => {
    const tags = text(cells)
      .split(mapping.separator)
      .map((tag) => tag.trim())
      .filter((tag) => tag !== '')
    if (tags.length > hashtagsMax) throw new BadValue(`${mapping.column} has more than ${hashtagsMax} hashtags`)
    return tags
  }
}

/** Of the first row's dimension; an empty cell means that the video has none. */
function embeddingReader(
  mapping: VideosMapping['embedding'],
  columns: CsvColumns,
): CellReader<readonly number[] | null> {
  if (!mapping) return () => null
  const parts = embeddingParts(mapping, columns)
  const label = mapping.column ?? mapping.columns![0]!
  let dimension: number | null = null
  return (cells) => {
    const texts = parts(cells)
    if (texts.every((text) => text === '')) return null
    const embedding = texts.map((text) => (text === '' ? Number.NaN : Number(text)))
    if (!embedding.every(Number.isFinite)) throw new BadValue(`the embedding in ${label} is not all numbers`)
    dimension ??= embedding.length
    if (embedding.length !== dimension)
      throw new BadValue(`the embedding in ${label} has another length than the first`)
    if (projectContent(embedding) === null) throw new BadValue(`the embedding in ${label} is all zero or too long`)
    return embedding
  }
}

function embeddingParts(
  mapping: NonNullable<VideosMapping['embedding']>,
  columns: CsvColumns,
): CellReader<readonly string[]> {
  if (mapping.columns) {
    const texts = mapping.columns.map((name) => columns.text(name, 'videos.embedding.columns'))
    return (cells) => texts.map((text) => text(cells))
  }
  const text = columns.text(mapping.column!, 'videos.embedding.column')
  // Brackets around a list are common: [0.1, 0.2].
  return (cells) =>
    text(cells)
      .replace(/^\[|\]$/g, '')
      .split(mapping.separator!)
      .map((part) => part.trim())
      .filter((part, _, all) => part !== '' || all.length === 1)
}
