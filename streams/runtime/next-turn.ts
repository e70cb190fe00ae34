// Resolves in a later turn of the event loop, after every promise that is settled now has run its continuations.

export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
