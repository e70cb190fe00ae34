// What the compiled kernel exports, as TypeScript sees it: addresses and counts are unsigned but arrive signed.

export interface TableKernel {
  readonly memory: WebAssembly.Memory
  configureOptimizer(
    kind: number,
    dimension: number,
    stateColumns: number,
    first: number,
    second: number,
    third: number,
    fourth: number,
  ): void
  configure(
    rowsMax: number,
    seed: number,
    scale: number,
    sliceBits: number,
    sliceRowsMax: number,
    evictedAtOnce: number,
    admissionCells: number,
    admittedAfter: number,
  ): number
  clear(): number
  idsAddress(): number
  timesAddress(): number
  occurrencesAddress(): number
  flagsAddress(): number
  floatsAddress(): number
  removedAddress(): number
  admissionAddress(): number
  neededBytes(): number
  usedBytes(): number
  liveRows(): number
  touchedRows(): number
  chunkCount(): number
  nonFiniteRows(): number
  badTimeRows(): number
  noMemoryRows(): number
  unadmittedRows(): number
  evictedRows(): number
  pull(count: number): void
  contains(count: number): void
  eventTimes(count: number): void
  push(count: number): number
  set(count: number): number
  remove(count: number): void
  expire(slice: number, beforeMs: number): number
  collectTouched(chunk: number): number
  collectHashes(segment: number): number
  nextSegment(segment: number): number
  exportRows(count: number): void
  importRows(count: number): number
}
