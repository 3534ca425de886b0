/**
 * Decisions out of an input: machines are driven by operations, and the bytes say which. Where they end, every decision is
 * the first choice; so each input is a story, and a shorter one is a simpler story.
 */
import { type Bytes, empty } from "../../core/base/Bytes.ts"

/** Mutable, one owner. */
export interface Tape {
  readonly bytes: Bytes
  at: number
}

export const make = (bytes: Bytes): Tape => ({ bytes, at: 0 })

export const isOver = (tape: Tape): boolean => tape.at >= tape.bytes.length

/** The next byte; 0 behind the end. */
export const byte = (tape: Tape): number => tape.bytes[tape.at++] ?? 0

/** From 0 to `bound - 1`, up to 65,536. */
export const below = (tape: Tape, bound: number): number =>
  (bound <= 256 ? byte(tape) : byte(tape) * 256 + byte(tape)) % bound

export const flag = (tape: Tape): boolean => (byte(tape) & 1) === 1

export const pick = <A>(tape: Tape, items: ReadonlyArray<A>): A => items[below(tape, items.length)]!

/** The next bytes, fewer at the end. */
export const bytes = (tape: Tape, length: number): Bytes => {
  if (isOver(tape)) return empty
  const taken = tape.bytes.subarray(tape.at, tape.at + length)
  tape.at += length
  return taken
}

/** Bytes with their length in front, up to `most`. */
export const chunk = (tape: Tape, most: number): Bytes => bytes(tape, below(tape, most + 1))

/** Exactly so many bytes, zeros behind the end. */
export const exactly = (tape: Tape, length: number): Bytes => {
  const result = new Uint8Array(length)
  result.set(bytes(tape, length))
  return result
}

/** The rest. */
export const rest = (tape: Tape): Bytes => bytes(tape, tape.bytes.length)
