/** Stories as a grammar: what happens first, then records of equal length, each of which is one thing that happens. */
import * as Bytes from "../../../core/base/Bytes.ts"
import * as Rng from "../../../core/base/Rng.ts"
import * as Mutate from "../Mutate.ts"
import * as Tape from "../Tape.ts"
import type { Mutator } from "../Target.ts"

/** Enough for what decides about one thing; a chunk of bytes out of a record is shorter. */
export const RECORD_BYTES = 12

/** The byte in front, and a tape for each record. */
export const read = (
  input: Bytes.Bytes,
  most: number,
): { readonly kind: number; readonly records: ReadonlyArray<Tape.Tape> } => ({
  kind: input[0] ?? 0,
  records: cut(input).slice(0, most).map(Tape.make),
})

const cut = (input: Bytes.Bytes): Array<Bytes.Bytes> => {
  const records: Array<Bytes.Bytes> = []
  for (let at = 1; at < input.length; at += RECORD_BYTES) records.push(input.subarray(at, at + RECORD_BYTES))
  return records
}

/** A story of these records, each filled up with zeros. */
export const story = (kind: number, ...records: ReadonlyArray<ReadonlyArray<number>>): Bytes.Bytes => {
  const input = new Uint8Array(1 + records.length * RECORD_BYTES)
  input[0] = kind
  records.forEach((record, i) => input.set(record, 1 + i * RECORD_BYTES))
  return input
}

/** So many records at random. */
export const random = (seed: number, kind: number, count: number): Bytes.Bytes => {
  const input = Mutate.randomBytes(Rng.make(seed), 1 + count * RECORD_BYTES)
  input[0] = kind
  return input
}

/** A mutator of stories: things happen twice, not at all, in another order, a little differently, or as in another story. */
export const mutator: Mutator = (rng, input, other) => {
  const records = cut(input).map((record): Bytes.Bytes => {
    const whole = new Uint8Array(RECORD_BYTES)
    whole.set(record)
    return whole
  })
  const at = Rng.below(rng, records.length + 1)
  switch (Rng.below(rng, 7)) {
    case 0:
      records.splice(at, Mutate.magnitude(rng, 3))
      break
    case 1: {
      const copies = records.slice(at, at + Mutate.magnitude(rng, 3))
      records.splice(Rng.below(rng, records.length + 1), 0, ...copies.map((record) => record.slice()))
      break
    }
    case 2: {
      const moved = records.splice(at, Mutate.magnitude(rng, 2))
      records.splice(Rng.below(rng, records.length + 1), 0, ...moved)
      break
    }
    case 3: {
      const theirs = cut(other)
      const from = Rng.below(rng, theirs.length + 1)
      const taken = theirs.slice(from, from + Mutate.magnitude(rng, 4)).filter(({ length }) =>
        length === RECORD_BYTES
      )
      records.splice(at, 0, ...taken.map((record) => record.slice()))
      break
    }
    case 4:
      records.splice(at, 0, Mutate.randomBytes(rng, RECORD_BYTES))
      break
    default:
      // The first bytes decide most.
      if (at < records.length) {
        records[at]![Rng.below(rng, 1 + Rng.below(rng, RECORD_BYTES))] = Rng.below(rng, 256)
      }
  }
  return Bytes.concat([Uint8Array.of(input[0] ?? 0), ...records])
}
