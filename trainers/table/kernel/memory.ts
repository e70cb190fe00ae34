// Hands out the table's WebAssembly memory from low to high addresses, 64-byte aligned; nothing is ever moved.

const pageBytes: u64 = 65536
/** One page short of 4 GiB, so that an address just past the end still fits 32 bits. */
const pagesMax: u64 = 65535
/** Growing by more than asked (32 MiB at most, untouched until used): each growth makes V8 collect its whole heap. */
const growthPagesMax: u64 = 512

let next: u64 = 0

/** Where the next allocation starts: all below is in use. */
export function mark(): u64 {
  if (next == 0) next = (u64(__heap_base) + 63) & ~63
  return next
}

export function rewind(to: u64): void {
  next = to
}

/** All addresses below `end`, at once. They cost nothing until they are written to, and later allocations within
 *  them need not grow the memory. Where they are refused, allocations grow it step by step. */
export function reserve(end: u64): void {
  const want = min((end + pageBytes - 1) / pageBytes, pagesMax)
  const have = u64(memory.size())
  if (want > have) memory.grow(i32(want - have))
}

/** Address of `bytes` fresh bytes whose content is undefined; 0 when the memory cannot grow that far. */
export function allocate(bytes: u64): usize {
  const start = mark()
  const end = start + ((bytes + 63) & ~63)
  const have = u64(memory.size())
  const want = (end + pageBytes - 1) / pageBytes
  if (want > pagesMax) return 0
  if (want > have) {
    const generous = min(max(want, have + min(growthPagesMax, have / 4)), pagesMax)
    if (memory.grow(i32(generous - have)) < 0 && memory.grow(i32(want - have)) < 0) return 0
  }
  next = end
  return usize(start)
}
