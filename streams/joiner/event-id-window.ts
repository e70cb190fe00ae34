// Remembers event ids for at least a window of record time, as 64-bit hashes in two generations, within a fixed limit.
import { type RowId, rowId } from '../../schemas/ids.ts'
import type { StateReader, StateWriter } from '../processor/state-bytes.ts'

/** Ids in order of arrival, and an open-addressing index of their places. */
class Generation {
  count = 0
  private ids = new BigUint64Array(256)
  private slots = new Uint32Array(512)

  private slotOf(id: bigint): number {
    const mask = this.slots.length - 1
    let slot = Number(BigInt.asUintN(31, id)) & mask
    while (this.slots[slot] !== 0 && this.ids[this.slots[slot]! - 1] !== id) slot = (slot + 1) & mask
    return slot
  }

  has(id: bigint): boolean {
    return this.slots[this.slotOf(id)] !== 0
  }

  add(id: bigint): void {
    if (this.count === this.ids.length) this.grow()
    this.ids[this.count++] = id
    this.slots[this.slotOf(id)] = this.count
  }

  private grow(): void {
    const ids = new BigUint64Array(this.ids.length * 2)
    ids.set(this.ids)
    this.ids = ids
    this.slots = new Uint32Array(ids.length * 2)
    for (let place = 0; place < this.count; place++) this.slots[this.slotOf(ids[place]!)] = place + 1
  }

  write(out: StateWriter): void {
    out.bytes(new Uint8Array(this.ids.buffer, 0, this.count * 8))
  }

  read(source: StateReader): void {
    const bytes = new Uint8Array(source.bytes())
    const ids = new BigUint64Array(bytes.buffer)
    for (const id of ids) this.add(id)
  }
}

/**
 * An id is remembered for between one and two windows of record time. When a generation reaches half of `idsMax` it is
 * turned early, so under a flood the memory is shorter rather than the process larger.
 */
export class EventIdWindow {
  private readonly windowMs: number
  private readonly idsPerGenerationMax: number
  private current = new Generation()
  private previous = new Generation()
  private startedMs = Number.NEGATIVE_INFINITY

  constructor(windowMs: number, idsMax: number) {
    this.windowMs = windowMs
    this.idsPerGenerationMax = Math.max(1, Math.floor(idsMax / 2))
  }

  get size(): number {
    return this.current.count + this.previous.count
  }

  /** Notes the id; false where it was already known. `clockMs` never goes back. */
  add(eventId: string, clockMs: number): boolean {
    const id: RowId = rowId('eventId', eventId)
    if (clockMs - this.startedMs > this.windowMs) this.turn(clockMs)
    if (this.current.has(id) || this.previous.has(id)) return false
    if (this.current.count >= this.idsPerGenerationMax) this.turn(clockMs)
    this.current.add(id)
    return true
  }

  private turn(clockMs: number): void {
    const idle = clockMs - this.startedMs > 2 * this.windowMs
    this.previous = idle ? new Generation() : this.current
    this.current = new Generation()
    this.startedMs = clockMs
  }

  write(out: StateWriter): void {
    out.f64(this.startedMs)
    this.previous.write(out)
    this.current.write(out)
  }

  read(source: StateReader): void {
    this.startedMs = source.f64()
    this.previous = new Generation()
    this.previous.read(source)
    this.current = new Generation()
    this.current.read(source)
  }
}
