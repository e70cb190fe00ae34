// Draws and writes what a person reads of a run.
import type { RunFacts } from './run-folder.ts'
import type { RunMetrics } from './run-metrics.ts'

export async function writeRunReport(folder: string, facts: RunFacts, metrics: RunMetrics): Promise<void> {
  void [folder, facts, metrics]
}
