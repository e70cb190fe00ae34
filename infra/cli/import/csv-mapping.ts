// How a log of another shape is read: what a mapping file may say, with every default. docs/import.md explains each field.
import { type Static, type TSchemaOptions, Type } from 'typebox'

/** `example`: what to write, as every complaint about the field says. */
const closed = (example: string) => ({ additionalProperties: false, example }) as const
const text = (example: string) => Type.String({ minLength: 1, example })
const column = (example: string) => Type.String({ minLength: 1, example: JSON.stringify(example) })
const optional = Type.Optional
const choice = <const Choices extends string[]>(choices: readonly [...Choices], options: TSchemaOptions = {}) =>
  Type.Enum(choices, { ...options, example: choices.map((one) => JSON.stringify(one)).join(' or ') })
const literals = Type.Union([
  Type.String(),
  Type.Number(),
  Type.Array(Type.Union([Type.String(), Type.Number()]), { minItems: 1 }),
])

const time = Type.Object(
  {
    column: column('timestamp'),
    /** iso: 2026-05-01, 2026-05-01T18:30:00.250Z, with a space for the T, 20260501. */
    unit: choice(['s', 'ms', 'us', 'iso']),
    /** Of times written without one: UTC, +08:00, Europe/Berlin. */
    zone: optional(text('"UTC", "+08:00" or "Europe/Berlin"')),
  },
  closed('{ "column": "timestamp", "unit": "s" }'),
)

const span = Type.Object(
  { column: column('seconds'), unit: choice(['s', 'ms', 'min']) },
  closed('{ "column": "seconds", "unit": "s" }'),
)

/** A label is yes where every part holds, no where one does not, unknown where the cell is empty. */
const condition = Type.Object(
  {
    column: column('rating'),
    atLeast: optional(Type.Number()),
    above: optional(Type.Number()),
    atMost: optional(Type.Number()),
    below: optional(Type.Number()),
    equals: optional(literals),
    notEquals: optional(literals),
  },
  closed('{ "column": "rating", "atLeast": 4 }'),
)

/** A column, or one with words before its value and a value where its cell is empty. */
const named = Type.Object(
  { column: optional(column('tab')), prefix: optional(Type.String()), otherwise: optional(text('"web"')) },
  closed('{ "column": "tab", "prefix": "tab" } or { "otherwise": "web" }'),
)

const dialect = {
  delimiter: optional(text('",", "\\t" or "::"')),
  quote: optional(Type.String({ maxLength: 1, example: '"" where cells are not quoted' })),
  encoding: optional(choice(['utf8', 'latin1', 'utf16le'])),
  /** For files without a header line: the names of the columns, in their order. */
  columns: optional(Type.Array(text('"userId"'), { minItems: 1, example: '["userId", "videoId", "time"]' })),
}

const attributes = Type.Union(
  [
    Type.Literal('all'),
    Type.Array(Type.String({ minLength: 1 })),
    Type.Record(Type.String(), choice(['number', 'string', 'auto'])),
  ],
  { example: '"all", ["age", "city"] or { "age": "number", "city": "string" }' },
)

const labels = Type.Object(
  {
    complete: optional(condition),
    longView: optional(condition),
    replay: optional(condition),
    like: optional(condition),
    share: optional(condition),
    comment: optional(condition),
    follow: optional(condition),
    earlySkip: optional(condition),
    notInterested: optional(condition),
  },
  closed('{ "longView": { "column": "rating", "atLeast": 4 } }'),
)

export const eventMeanings = [
  'view',
  'impression',
  'like',
  'share',
  'save',
  'comment',
  'follow',
  'notInterested',
  'report',
  'complete',
  'longView',
  'replay',
  'earlySkip',
  'ignore',
] as const

export const mappingSchema = Type.Object(
  {
    /** Part of every event id: one log, one name. */
    name: Type.String({ pattern: '^[a-z0-9][a-z0-9-]*$', example: '"movielens", lower case' }),
    log: Type.Object(
      {
        files: Type.Union([Type.String({ minLength: 1 }), Type.Array(Type.String({ minLength: 1 }), { minItems: 1 })], {
          example: '"ratings.csv" or ["week1.csv.gz", "week2.csv.gz"]',
        }),
        ...dialect,
        user: column('userId'),
        video: column('movieId'),
        time,
        /** What the time is: of the moment when the video was shown, or when the view ended. */
        timeOf: optional(choice(['start', 'end'])),
        watchTime: optional(span),
        duration: optional(span),
        labels: optional(labels),
        events: optional(
          Type.Object(
            {
              column: column('event'),
              values: Type.Record(Type.String(), choice(eventMeanings), {
                example: '{ "play": "view", "like": "like", "*": "ignore" }',
              }),
              windowMinutes: optional(Type.Number({ exclusiveMinimum: 0, maximum: 1_440, example: '10' })),
            },
            closed('{ "column": "event", "values": { "play": "view", "like": "like" } }'),
          ),
        ),
        surface: optional(named),
        device: optional(named),
        region: optional(named),
        language: optional(named),
        propensity: optional(column('propensity')),
        creator: optional(column('channelId')),
      },
      closed('{ "files": "ratings.csv", "user": "userId", "video": "movieId", "time": { ... } }'),
    ),
    users: optional(
      Type.Object(
        {
          file: text('"users.csv"'),
          ...dialect,
          id: column('userId'),
          joined: optional(time),
          region: optional(column('country')),
          language: optional(column('language')),
          birthYear: optional(column('birthYear')),
          attributes: optional(attributes),
        },
        closed('{ "file": "users.csv", "id": "userId" }'),
      ),
    ),
    videos: optional(
      Type.Object(
        {
          file: text('"videos.csv"'),
          ...dialect,
          id: column('movieId'),
          creator: optional(column('channelId')),
          duration: optional(span),
          published: optional(time),
          sound: optional(
            Type.Object(
              { column: column('musicId'), none: optional(Type.Array(Type.String(), { example: '["0"]' })) },
              closed('{ "column": "musicId", "none": ["0"] }'),
            ),
          ),
          hashtags: optional(
            Type.Object(
              { column: column('genres'), separator: text('"|"') },
              closed('{ "column": "genres", "separator": "|" }'),
            ),
          ),
          category: optional(column('category')),
          language: optional(column('language')),
          region: optional(column('region')),
          embedding: optional(
            Type.Object(
              {
                column: optional(column('embedding')),
                separator: optional(text('" "')),
                columns: optional(Type.Array(text('"e0"'), { minItems: 1, maxItems: 1_024 })),
              },
              closed('{ "column": "embedding", "separator": " " } or { "columns": ["e0", "e1"] }'),
            ),
          ),
          attributes: optional(attributes),
        },
        closed('{ "file": "videos.csv", "id": "movieId" }'),
      ),
    ),
    /** A video of the log that the table of videos does not have. */
    unknownVideos: optional(choice(['create', 'reject'])),
    /** Share of the log's rows that may be bad before the import is refused. */
    badRowShareMax: optional(Type.Number({ minimum: 0, maximum: 1, example: '0.1' })),
    /** Rows of the log held in memory: about 250 bytes each. */
    rowsMax: optional(Type.Integer({ minimum: 1, maximum: 100_000_000, example: '10000000' })),
  },
  closed('{ "name": "...", "log": { ... } }'),
)

export type CsvMapping = Static<typeof mappingSchema>
export type LogMapping = CsvMapping['log']
export type UsersMapping = NonNullable<CsvMapping['users']>
export type VideosMapping = NonNullable<CsvMapping['videos']>
export type TimeMapping = LogMapping['time']
export type SpanMapping = NonNullable<LogMapping['watchTime']>
export type NamedMapping = NonNullable<LogMapping['surface']>
export type LabelsMapping = NonNullable<LogMapping['labels']>
export type ConditionMapping = NonNullable<LabelsMapping['longView']>
export type AttributesMapping = NonNullable<UsersMapping['attributes']>
export type DialectMapping = Pick<LogMapping, 'delimiter' | 'quote' | 'encoding' | 'columns'>

export const mappingDefaults = {
  rowsMax: 10_000_000,
  badRowShareMax: 0.1,
  windowMinutes: 10,
  unknownVideos: 'create',
  surface: 'unknown',
} as const
