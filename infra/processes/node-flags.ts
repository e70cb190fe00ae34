// How Node is started for an engine and for what measures one. The launcher at the root says the same.

/** A batch or a page is garbage when it is done: with room for several they die young and cost nothing. */
export const youngGenerationMb = 96

/** The young generation is three semi-spaces. */
export const nodeFlags: readonly string[] = [`--max-semi-space-size=${youngGenerationMb / 3}`]
