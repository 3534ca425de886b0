/** Changes to inputs that need to know nothing about them: bytes, numbers, copies, and words from a dictionary. */
import * as Bytes from "../../core/base/Bytes.ts"
import * as Rng from "../../core/base/Rng.ts"
import type { Mutator } from "./Target.ts"

/** Where arithmetic and limits break: powers of two and their neighbours. */
export const NUMBERS: ReadonlyArray<number> = [
  ...[0, 1, 2, 3, 5, 15, 16, 17, 19, 20, 21, 63, 64, 65, 100, 127, 128, 255, 256, 257, 499, 500, 501],
  ...[1_000, 1_001, 1_023, 1_024, 4_096, 16_383, 16_384, 16_385, 32_767, 32_768, 65_535, 65_536],
  ...[131_072, 131_073, 262_144, 2 ** 20, 2 ** 24, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32],
  ...[2 ** 48, 2 ** 53 - 1, 2 ** 53, 2 ** 63],
]

export const pick = <A>(rng: Rng.Rng, items: ReadonlyArray<A>): A => items[Rng.below(rng, items.length)]!

/** From 1 to 2^most, small ones as often as large ones. */
export const magnitude = (rng: Rng.Rng, most: number): number =>
  1 + Rng.below(rng, 2 ** (1 + Rng.below(rng, most)))

export const number = (rng: Rng.Rng): number =>
  Rng.below(rng, 4) === 0 ? Rng.below(rng, 300) : pick(rng, NUMBERS)

export const randomBytes = (rng: Rng.Rng, length: number): Bytes.Bytes =>
  Rng.fill(rng, new Uint8Array(length))

/** `bytes` with `with_` instead of its bytes `from` to `to`. */
export const replace = (bytes: Bytes.Bytes, from: number, to: number, with_: Bytes.Bytes): Bytes.Bytes =>
  Bytes.concat([bytes.subarray(0, from), with_, bytes.subarray(to)])

/** A place, the end included. */
const place = (rng: Rng.Rng, bytes: Bytes.Bytes): number => Rng.below(rng, bytes.length + 1)

const bigEndian = (value: number, length: number): Bytes.Bytes => {
  const bytes = new Uint8Array(length)
  for (let i = length - 1, rest = value; i >= 0; i--, rest = Math.floor(rest / 256)) bytes[i] = rest % 256
  return bytes
}

const flip: Mutator = (rng, input) => {
  const bytes = input.slice()
  if (bytes.length > 0) bytes[Rng.below(rng, bytes.length)]! ^= 1 << Rng.below(rng, 8)
  return bytes
}

const set: Mutator = (rng, input) => {
  const bytes = input.slice()
  if (bytes.length > 0) bytes[Rng.below(rng, bytes.length)] = Rng.below(rng, 256)
  return bytes
}

const add: Mutator = (rng, input) => {
  const bytes = input.slice()
  if (bytes.length > 0) bytes[Rng.below(rng, bytes.length)]! += Rng.below(rng, 2) === 0 ? 1 : 255
  return bytes
}

const setNumber: Mutator = (rng, input) => {
  const value = bigEndian(number(rng), pick(rng, [1, 2, 4, 8]))
  const at = place(rng, input)
  return replace(input, at, Math.min(input.length, at + (Rng.below(rng, 4) === 0 ? 0 : value.length)), value)
}

const insert: Mutator = (rng, input) => {
  const at = place(rng, input)
  const length = magnitude(rng, 5)
  const what = Rng.below(rng, 2) === 0
    ? randomBytes(rng, length)
    : new Uint8Array(length).fill(Rng.below(rng, 256))
  return replace(input, at, at, what)
}

const remove: Mutator = (rng, input) => {
  const at = place(rng, input)
  return replace(input, at, Math.min(input.length, at + magnitude(rng, 8)), Bytes.empty)
}

const truncate: Mutator = (rng, input) => input.slice(0, place(rng, input))

const duplicate: Mutator = (rng, input) => {
  const from = place(rng, input)
  const copy = input.subarray(from, from + magnitude(rng, 7))
  const at = place(rng, input)
  const times = Rng.below(rng, 8) === 0 ? magnitude(rng, 6) : 1
  return replace(input, at, at, Bytes.concat(Array.from({ length: times }, () => copy)))
}

const move: Mutator = (rng, input) => {
  const from = place(rng, input)
  const what = input.slice(from, from + magnitude(rng, 7))
  const rest = replace(input, from, from + what.length, Bytes.empty)
  const at = place(rng, rest)
  return replace(rest, at, at, what)
}

const splice: Mutator = (rng, input, other) =>
  Bytes.concat([input.subarray(0, place(rng, input)), other.subarray(place(rng, other))])

const graft: Mutator = (rng, input, other) => {
  const from = place(rng, other)
  const at = place(rng, input)
  const what = other.subarray(from, from + magnitude(rng, 7))
  return replace(input, at, Rng.below(rng, 2) === 0 ? at : Math.min(input.length, at + what.length), what)
}

/** Another number in place of one that is written in digits. */
const digits: Mutator = (rng, input) => {
  const runs = [...Bytes.toLatin1(input).matchAll(/-?\d+/g)]
  if (runs.length === 0) return flip(rng, input, input)
  const run = pick(rng, runs)
  const old = Number(run[0])
  const choices = [number(rng), -number(rng), old + 1, old - 1, old * 2, Number.NaN]
  const chosen = pick(rng, choices)
  const text = Number.isNaN(chosen)
    ? pick(rng, ["-0", "00", "9".repeat(20), "-", "1e3", "0x10", ""])
    : `${chosen < 1e21 ? BigInt(Math.trunc(chosen)) : 1}`
  return replace(input, run.index, run.index + run[0].length, Bytes.latin1(text))
}

/** A word of the dictionary, in or over the input. */
const word = (words: ReadonlyArray<Bytes.Bytes>): Mutator => (rng, input) => {
  const chosen = pick(rng, words)
  const at = place(rng, input)
  return replace(input, at, Rng.below(rng, 2) === 0 ? at : Math.min(input.length, at + chosen.length), chosen)
}

/** The mutators that every target has. */
export const mutators = (words: ReadonlyArray<string>): ReadonlyArray<Mutator> => {
  const dictionary = words.map(Bytes.utf8)
  const basic = [
    flip,
    set,
    set,
    add,
    setNumber,
    insert,
    remove,
    truncate,
    duplicate,
    move,
    splice,
    graft,
    digits,
  ]
  return dictionary.length === 0 ? basic : [...basic, word(dictionary), word(dictionary)]
}
