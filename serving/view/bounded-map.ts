// A map that forgets what was set longest ago when it is full.

export class BoundedMap<Key, Value> {
  private readonly valueByKey = new Map<Key, Value>()
  private readonly entriesMax: number

  constructor(entriesMax: number) {
    this.entriesMax = entriesMax
  }

  get size(): number {
    return this.valueByKey.size
  }

  get(key: Key): Value | undefined {
    return this.valueByKey.get(key)
  }

  has(key: Key): boolean {
    return this.valueByKey.has(key)
  }

  /** Sets, as the newest; the oldest is forgotten where there are too many. */
  set(key: Key, value: Value): void {
    this.valueByKey.delete(key)
    this.valueByKey.set(key, value)
    if (this.valueByKey.size > this.entriesMax) this.valueByKey.delete(this.valueByKey.keys().next().value!)
  }

  delete(key: Key): boolean {
    return this.valueByKey.delete(key)
  }

  clear(): void {
    this.valueByKey.clear()
  }

  /** Oldest first. */
  entries(): IterableIterator<[Key, Value]> {
    return this.valueByKey.entries()
  }

  keys(): IterableIterator<Key> {
    return this.valueByKey.keys()
  }

  values(): IterableIterator<Value> {
    return this.valueByKey.values()
  }
}
