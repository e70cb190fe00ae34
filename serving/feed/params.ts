// Every number a feed is tuned by: name, default, range, reason. A policy of the group's name in the log overrides some.

export interface ParamSpec {
  readonly default: number
  readonly min: number
  readonly max: number
  readonly reason: string
}

const param = (defaultValue: number, min: number, max: number, reason: string): ParamSpec => ({
  default: defaultValue,
  min,
  max,
  reason,
})

/** Policy name -> param name -> spec. A retrieval size or a scorer weight of 0 switches the stage off. */
export const paramSpecs = {
  /** Weights of the heads' probabilities in the ranking score; watchTime is per second expected. */
  ranking: {
    complete: param(0.8, -10, 10, 'finishing is the clearest sign that a short video held'),
    longView: param(1, -10, 10, '18 s or the whole of a shorter one: comparable between lengths'),
    replay: param(0.4, -10, 10, 'rare, and strong where it happens'),
    like: param(1.2, -10, 10, 'explicit approval'),
    share: param(1.2, -10, 10, 'approval that brings others'),
    comment: param(0.4, -10, 10, 'engagement that may also be anger'),
    follow: param(1, -10, 10, 'wants more of the creator'),
    earlySkip: param(-1, -10, 10, 'gone within two seconds: the page failed here'),
    notInterested: param(-3, -10, 10, 'explicit refusal'),
    watchTime: param(0.005, -1, 1, 'small: seconds favour long videos over good ones'),
  },
  scoring: {
    sessionAffinity: param(0.8, 0, 10, 'what this session showed acts on the next page, before any model learns it'),
    coldTopics: param(2, 0, 10, "a new user's own outcomes by topic outweigh a model that does not know them yet"),
    coldOutcomes: param(60, 1, 10_000, 'outcomes at which the model and the topics weigh alike'),
    lessOf: param(2, 0, 10, 'a full-strength "not interested" outweighs any usual difference of scores'),
    lessOfHalfLifeHours: param(336, 1, 10_000, 'two weeks: tastes return'),
  },
  selection: {
    creatorSpacing: param(4, 0, 50, 'entries between two of one creator'),
    hashtagCap: param(5, 1, 50, 'entries of one topic in ten; a page may still be mostly what the user loves'),
    topicDiscount: param(0.05, 0, 5, 'each further entry of a topic must be this much better'),
  },
  exploration: {
    epsilonCold: param(1, 0, 1, 'of a first page everything is an experiment'),
    epsilonFloor: param(0.05, 0, 1, 'for ever: tastes move, and propensities need support'),
    halvingOutcomes: param(8, 1, 1_000, 'outcomes after which half of the cold exploration is left'),
    epsilonAfterSkips: param(0.5, 0, 1, 'after a run of early skips what was known does not hold'),
    skipRun: param(4, 2, 50, 'early skips in a row that raise exploration'),
    priorLikes: param(0.4, 0.01, 10, 'Beta prior of a topic: one in four pleases'),
    priorDislikes: param(1.2, 0.01, 10, 'Beta prior of a topic: see priorLikes'),
    interestLikes: param(1, 0, 10, 'a topic that the user picked starts with this many likes more'),
    draws: param(16, 1, 256, 'posterior draws behind the recorded propensity'),
  },
  retrieval: {
    twoTower: param(60, 0, 400, 'nearest to the user in the towers'),
    topics: param(64, 0, 400, 'topics that the user answers well, or has not met'),
    similar: param(24, 0, 400, 'near the last video completed'),
    trending: param(24, 0, 400, 'most engaged in the region and everywhere'),
    following: param(16, 0, 400, 'newest of the creators followed'),
    fresh: param(16, 0, 400, 'newly published, on trial'),
    random: param(12, 0, 400, 'anything, for users about whom little is known'),
    popularFloor: param(40, 1, 400, 'the pool is filled up to this with popular, then with any unseen videos'),
    trialOutcomes: param(50, 1, 100_000, 'outcomes after which a video has had its trial'),
    trialHours: param(168, 1, 10_000, 'age after which a trial ends'),
  },
  safety: {
    assumedAge: param(17, 0, 120, 'age of a user whose birth year is not known'),
  },
  pool: {
    scoredMax: param(120, 10, 2_000, 'candidates ranked: what fits in a turn'),
    loggedMax: param(100, 51, 500, 'candidates of the pool named in FeedServed'),
    holdMinutes: param(30, 0, 10_000, 'a video served but not reached is not served again this long'),
  },
} as const satisfies Record<string, Record<string, ParamSpec>>

export type ParamGroup = keyof typeof paramSpecs
export type Params = {
  readonly [Group in ParamGroup]: { readonly [Name in keyof (typeof paramSpecs)[Group]]: number }
}

const groups = paramSpecs as Record<string, Record<string, ParamSpec>>

export const defaultParams: Params = Object.fromEntries(
  Object.entries(groups).map(([group, specs]) => [
    group,
    Object.fromEntries(Object.entries(specs).map(([name, spec]) => [name, spec.default])),
  ]),
) as unknown as Params

export interface PolicyOutcome {
  readonly params: Params
  /** What was not taken over, and why. */
  readonly refused: readonly string[]
}

/**
 * The params after policy `name` has been set to `value`: the whole value of a group, so that a param it does not name
 * is at its default again; or of one param, under `group.param`. What does not fit is refused, the rest applies.
 */
export function withPolicy(params: Params, name: string, value: unknown): PolicyOutcome {
  const [group, only, ...rest] = name.split('.')
  const specs = groups[group!]
  if (specs === undefined || rest.length > 0) return { params, refused: [`${name} is no policy of a feed`] }
  if (only !== undefined) {
    const { accepted, refused } = acceptedOf(specs, { [only]: value })
    const current = params[group as ParamGroup]
    return { params: { ...params, [group!]: { ...current, ...accepted } }, refused }
  }
  if (typeof value !== 'object' || value === null) return { params, refused: [`${name} is not an object of numbers`] }
  const { accepted, refused } = acceptedOf(specs, value as Record<string, unknown>)
  return { params: { ...params, [group!]: { ...defaultParams[group as ParamGroup], ...accepted } }, refused }
}

function acceptedOf(
  specs: Record<string, ParamSpec>,
  values: Record<string, unknown>,
): { accepted: Record<string, number>; refused: string[] } {
  const accepted: Record<string, number> = {}
  const refused: string[] = []
  for (const [name, value] of Object.entries(values)) {
    const spec = Object.hasOwn(specs, name) ? specs[name] : undefined
    if (spec === undefined) refused.push(`${name} is unknown`)
    else if (typeof value !== 'number' || !(value >= spec.min && value <= spec.max))
      refused.push(`${name} is not a number from ${spec.min} to ${spec.max}`)
    else accepted[name] = value
  }
  return { accepted, refused }
}
