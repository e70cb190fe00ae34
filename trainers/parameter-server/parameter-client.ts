// The pull port of the parameter-server tier, as a trainer sees it: rows of any bucket wherever it is owned, dense tensors,
// and how far the owners have folded what this trainer sent.

import type { DenseParameter } from '../model/model.ts'

/** Rows wanted from one bucket's table. */
export interface RowPull {
  readonly bucket: number
  readonly table: string
  readonly ids: BigUint64Array
  /** Receives ids.length x dimension values. */
  readonly out: Float32Array
}

export interface ParameterClient {
  /**
   * Fills every `out`. Calls the owners at once, one call each; waits out owners that are away or moving for as long as it
   * takes. Gives, by bucket asked, the end of the newest range of this example partition that the owner has folded (0:
   * none). Rejects only when the signal aborts.
   */
  pull(examplePartition: number, pulls: readonly RowPull[], signal: AbortSignal): Promise<ReadonlyMap<number, number>>
  /** The dense tensors, or null where the owner has none newer than `knownVersion`. Waits as `pull` does. */
  pullDense(
    examplePartition: number,
    knownVersion: number,
    signal: AbortSignal,
  ): Promise<{
    readonly version: number
    readonly dense: ReadonlyMap<string, DenseParameter>
    readonly folded: number
  } | null>
}
