// What the gateway counts, on a Prometheus registry of the caller's.
import { Counter, Gauge, Histogram, type Registry } from 'prom-client'

export interface GatewayMetrics {
  feedAnswered(outcome: 'ok' | 'bad-cursor' | 'failed', tookMs: number): void
  pageServed(logged: boolean): void
  /** A page's record that could not be appended at all, or was still waiting when the process ended. */
  pageRecordLost(): void
  pageRecordsWaiting(count: number): void
  eventsTaken(intake: {
    readonly accepted: number
    readonly duplicates: number
    readonly rejected: readonly { readonly code: string }[]
  }): void
  feedsInFlight(count: number): void
  appendsInFlight(count: number): void
  streamsOpen(count: number): void
  /** Work refused because a bound was reached. */
  turnedAway(what: string): void
  /** Everything on the registry in Prometheus' text format. */
  text(): Promise<string>
  readonly contentType: string
}

export function gatewayMetrics(registry: Registry): GatewayMetrics {
  const registers = [registry]
  const gauge = (name: string, help: string) => new Gauge({ name: `freshet_gateway_${name}`, help, registers })
  const counter = <Label extends string>(name: string, help: string, labelNames: Label[] = []) =>
    new Counter({ name: `freshet_gateway_${name}`, help, labelNames, registers })

  const feedSeconds = new Histogram({
    name: 'freshet_gateway_feed_seconds',
    help: 'Time from a feed request to its answer, its record acknowledged or given up on',
    labelNames: ['outcome'],
    // A page is about 10 ms of work and at most 20 ms of waiting for the log.
    buckets: [0.002, 0.005, 0.01, 0.015, 0.02, 0.03, 0.05, 0.1, 0.2, 0.5, 1, 2],
    registers,
  })
  const pages = counter('pages_total', 'Pages served, by whether their record was acknowledged first', ['record'])
  const lost = counter('page_records_lost_total', 'Page records that never reached the log')
  const events = counter('events_total', 'Events taken from clients', ['outcome'])
  const rejections = counter('event_rejections_total', 'Events refused, by reason', ['code'])
  const turnedAway = counter('turned_away_total', 'Work refused because a bound was reached', ['what'])
  const waiting = gauge('page_records_waiting', 'Page records on their way to the log')
  const feeds = gauge('feeds_in_flight', 'Feed requests being answered')
  const appends = gauge('appends_in_flight', 'Appends being acknowledged')
  const streams = gauge('streams_open', 'WebSocket feeds open')

  return {
    feedAnswered: (outcome, tookMs) => feedSeconds.observe({ outcome }, tookMs / 1_000),
    pageServed: (logged) => pages.inc({ record: logged ? 'logged' : 'unlogged' }),
    pageRecordLost: () => lost.inc(),
    pageRecordsWaiting: (count) => waiting.set(count),
    eventsTaken({ accepted, duplicates, rejected }) {
      events.inc({ outcome: 'accepted' }, accepted)
      events.inc({ outcome: 'duplicate' }, duplicates)
      events.inc({ outcome: 'rejected' }, rejected.length)
      for (const { code } of rejected) rejections.inc({ code })
    },
    feedsInFlight: (count) => feeds.set(count),
    appendsInFlight: (count) => appends.set(count),
    streamsOpen: (count) => streams.set(count),
    turnedAway: (what) => turnedAway.inc({ what }),
    text: () => registry.metrics(),
    contentType: registry.contentType,
  }
}
