/**
 * Buffers that encoders borrow for as long as they have something to say, which is a part of a step. So the thousands of
 * connections of a swarm, most of which say little and seldom, need a handful of buffers, and the one that was given back
 * last, which is still in the processor's cache, is the next to be used. What is left in them is never read.
 */

/** All that a step has to say to nearly every peer: a full batch of requests, a bitfield of 16,000 pieces. */
export const BYTES = 2_048

/** Buffers that are kept, 256 KiB in all: a step that has something to say to more peers makes more of them for once. */
const MAX_KEPT = 128

const kept: Array<Uint8Array> = []

/** A buffer of at least so many bytes, whatever is in it. */
export const borrow = (bytes: number): Uint8Array =>
  bytes > BYTES ? new Uint8Array(bytes) : kept.pop() ?? new Uint8Array(BYTES)

/** Nobody looks at the buffer any more. */
export const giveBack = (buffer: Uint8Array): void => {
  if (buffer.length === BYTES && kept.length < MAX_KEPT) kept.push(buffer)
}
