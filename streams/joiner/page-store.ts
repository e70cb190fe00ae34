// The pages a joiner still knows, oldest first, within a limit, found by request and by user and video. Live pages age by
// the received clock; imported ones also by the import clock, so an old import is not dropped at once and ages nothing live.
import { eventEarlinessMsMax, eventLatenessMsMax } from '../../schemas/topics.ts'
import type { StateReader, StateWriter } from '../processor/state-bytes.ts'
import {
  type EngagementWindow,
  entryOf,
  type PageEntry,
  readOutcome,
  readPage,
  type ServedPage,
  writeOutcome,
} from './served-page.ts'

/** Newest times seen in the partition. */
export interface JoinerClocks {
  /** Newest receivedTimeMs of any record, Ticks included. */
  receivedMs: number
  /** Newest eventTimeMs of imported pages and of engagements with them. */
  importMs: number
}

interface OpenWindow {
  readonly entry: PageEntry
  readonly window: EngagementWindow
}

/** First in, first out, with O(1) amortised removal at the head. */
class Queue<T> {
  private values: T[] = []
  private head = 0

  get length(): number {
    return this.values.length - this.head
  }

  get first(): T | undefined {
    return this.values[this.head]
  }

  push(value: T): void {
    this.values.push(value)
  }

  shift(): void {
    this.head++
    if (this.head > 1_024 && this.head * 2 > this.values.length) {
      this.values = this.values.slice(this.head)
      this.head = 0
    }
  }

  rest(): T[] {
    return this.values.slice(this.head)
  }
}

/** Pages of one kind; both queues are in the order in which they end. */
interface Lane {
  readonly pages: Queue<ServedPage>
  readonly windows: Queue<OpenWindow>
}

const none: readonly PageEntry[] = []

export class PageStore {
  private readonly live: Lane = { pages: new Queue(), windows: new Queue() }
  private readonly imported: Lane = { pages: new Queue(), windows: new Queue() }
  private readonly pageByRequest = new Map<string, ServedPage>()
  private readonly pagesByUser = new Map<string, ServedPage[]>()

  get size(): number {
    return this.pageByRequest.size
  }

  add(page: ServedPage): void {
    this.laneOf(page).pages.push(page)
    this.pageByRequest.set(page.requestId, page)
    const pages = this.pagesByUser.get(page.userId)
    if (pages) pages.push(page)
    else this.pagesByUser.set(page.userId, [page])
  }

  byRequest(requestId: string): ServedPage | null {
    return this.pageByRequest.get(requestId) ?? null
  }

  /**
   * The entry of the user's newest page that shows the video and was served at or before the event; where the event
   * claims to be older than all of them (clocks of clients differ), the oldest within `eventEarlinessMsMax`.
   */
  lastServed(userId: string, videoId: string, eventTimeMs: number): PageEntry | null {
    let before: PageEntry | null = null
    let after: PageEntry | null = null
    for (const page of this.pagesByUser.get(userId) ?? []) {
      const entry = entryOf(page, null, videoId)
      if (entry === null) continue
      const servedMs = page.eventTimeMs
      if (servedMs <= eventTimeMs) {
        if (before === null || servedMs >= before.page.eventTimeMs) before = entry
      } else if (servedMs <= eventTimeMs + eventEarlinessMsMax) {
        if (after === null || servedMs < after.page.eventTimeMs) after = entry
      }
    }
    return before ?? after
  }

  openWindow(entry: PageEntry, window: EngagementWindow): void {
    this.laneOf(entry.page).windows.push({ entry, window })
  }

  /** Takes the entries whose window has closed, in the order of opening, live ones first. */
  takeClosed(clocks: JoinerClocks, windowMs: number): readonly PageEntry[] {
    if (this.live.windows.length === 0 && this.imported.windows.length === 0) return none
    const closed: PageEntry[] = []
    takeWindows(this.live, closed, clocks, windowMs)
    takeWindows(this.imported, closed, clocks, windowMs)
    return closed
  }

  /** Removes and returns the oldest page that is past its 24 hours; null when none is. */
  takeExpired(clocks: JoinerClocks): ServedPage | null {
    const live = this.live.pages.first
    if (live && clocks.receivedMs > live.registeredMs + eventLatenessMsMax) return this.remove(live)
    const imported = this.imported.pages.first
    if (imported && isOld(imported, clocks)) return this.remove(imported)
    return null
  }

  /** Removes and returns the page registered first. */
  takeOldest(): ServedPage | null {
    const live = this.live.pages.first
    const imported = this.imported.pages.first
    if (live && (!imported || live.sequence < imported.sequence)) return this.remove(live)
    return imported ? this.remove(imported) : null
  }

  private remove(page: ServedPage): ServedPage {
    this.laneOf(page).pages.shift()
    this.pageByRequest.delete(page.requestId)
    const pages = this.pagesByUser.get(page.userId)!
    // The oldest goes first, nearly always.
    if (pages[0] === page) pages.shift()
    else pages.splice(pages.indexOf(page), 1)
    if (pages.length === 0) this.pagesByUser.delete(page.userId)
    return page
  }

  private laneOf(page: ServedPage): Lane {
    return page.imported ? this.imported : this.live
  }

  write(out: StateWriter): void {
    for (const lane of [this.live, this.imported]) {
      const pages = lane.pages.rest()
      out.u32(pages.length)
      for (const page of pages) writePage(page, out)
      const windows = lane.windows.rest().filter(isOpen)
      out.u32(windows.length)
      for (const { entry } of windows) {
        out.text(entry.page.requestId)
        out.u32(entry.page.entries.indexOf(entry))
      }
    }
  }

  /** Fills an empty store. Pages are copied out of the source. */
  read(source: StateReader): void {
    for (const lane of [this.live, this.imported]) {
      for (let count = source.u32(); count > 0; count--) this.add(readPageState(source))
      for (let count = source.u32(); count > 0; count--) {
        const entry = this.pageByRequest.get(source.text())!.entries[source.u32()]!
        lane.windows.push({ entry, window: entry.outcome!.window! })
      }
    }
  }
}

function isOpen({ entry, window }: OpenWindow): boolean {
  return entry.outcome?.window === window
}

function takeWindows(lane: Lane, into: PageEntry[], clocks: JoinerClocks, windowMs: number): void {
  for (let first = lane.windows.first; first; first = lane.windows.first) {
    // A window that a view end closed stays queued until it comes to the head.
    if (isOpen(first)) {
      if (!isDue(first.window, clocks, windowMs)) return
      into.push(first.entry)
    }
    lane.windows.shift()
  }
}

/** The import clock closes only what was opened by it. */
function isDue({ openedMs, openedImportMs }: EngagementWindow, clocks: JoinerClocks, windowMs: number): boolean {
  if (clocks.receivedMs >= openedMs + windowMs) return true
  return openedImportMs !== Number.NEGATIVE_INFINITY && clocks.importMs >= openedImportMs + windowMs
}

function isOld(page: ServedPage, clocks: JoinerClocks): boolean {
  return (
    clocks.receivedMs > page.registeredMs + eventLatenessMsMax ||
    clocks.importMs > page.registeredImportMs + eventLatenessMsMax
  )
}

function writePage(page: ServedPage, out: StateWriter): void {
  out.bytes(page.fixed)
  let engaged = 0
  for (const entry of page.entries) if (entry.outcome) engaged++
  out.u32(engaged)
  for (let index = 0; index < page.entries.length; index++) {
    const { outcome } = page.entries[index]!
    if (outcome === null) continue
    out.u32(index)
    writeOutcome(outcome, out)
  }
}

function readPageState(source: StateReader): ServedPage {
  const page = readPage(new Uint8Array(source.bytes()))
  for (let engaged = source.u32(); engaged > 0; engaged--) {
    const entry = page.entries[source.u32()]!
    entry.outcome = readOutcome(source)
  }
  return page
}
