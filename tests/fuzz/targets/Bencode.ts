/** The bencode decoder: everything else reads through it. */
import * as Bytes from "../../../core/base/Bytes.ts"
import * as Decode from "../../../core/bencode/Decode.ts"
import * as Encode from "../../../core/bencode/Encode.ts"
import * as Value from "../../../core/bencode/Value.ts"
import * as Grammar from "../grammar/Bencode.ts"
import * as Seeds from "../Seeds.ts"
import { encodable } from "../../support/Encodable.ts"
import { claim, type Target } from "../Target.ts"

const isSorted = (value: Value.Value): boolean =>
  value._tag === "Dict"
    ? value.isSorted && [...value.entries.values()].every(isSorted)
    : value._tag === "List"
    ? value.items.every(isSorted)
    : true

/** Each value lies within the one around it, behind the one before it. */
const spans = (value: Value.Value, from: number, to: number): void => {
  claim(from <= value.start && value.start < value.end && value.end <= to, "a span lies where it should")
  const inside = value._tag === "List"
    ? value.items
    : value._tag === "Dict"
    ? [...value.entries.values()]
    : []
  let at = value.start + 1
  for (const item of inside) {
    spans(item, at, value.end - 1)
    at = item.end
  }
}

/**
 * Where the value at `at` ends, by the grammar alone: another decoder, slow and plain, that knows nothing of limits but the
 * depth; `undefined` where there is no value.
 */
const endOf = (bytes: Bytes.Bytes, at: number, depth: number): number | undefined => {
  const text = (from: number): number | undefined => {
    const digits = /^(?:0|[1-9][0-9]{0,9}):/.exec(Bytes.toLatin1(bytes.subarray(from, from + 12)))?.[0]
    const end = digits === undefined ? Infinity : from + digits.length + Number.parseInt(digits, 10)
    return end <= bytes.length ? end : undefined
  }
  const kind = String.fromCharCode(bytes[at] ?? 0)
  if (depth > Decode.MAX_DEPTH) return undefined
  if (kind === "i") {
    const integer = /^i(?:0|-?[1-9][0-9]{0,1023})e/.exec(Bytes.toLatin1(bytes.subarray(at, at + 1_030)))?.[0]
    return integer === undefined ? undefined : at + integer.length
  }
  if (kind !== "l" && kind !== "d") return text(at)
  const keys = new Set<string>()
  let next: number | undefined = at + 1
  while (next !== undefined && bytes[next] !== 0x65) {
    if (kind === "d") {
      const end: number | undefined = depth < Decode.MAX_DEPTH ? text(next) : undefined
      if (end === undefined) return undefined
      const key = Bytes.toLatin1(bytes.subarray(next, end))
      if (keys.has(key)) return undefined
      keys.add(key)
      next = end
    }
    next = endOf(bytes, next, depth + 1)
  }
  return next === undefined ? undefined : next + 1
}

const run = (input: Bytes.Bytes): void => {
  const decoded = Decode.decode(input, { trailing: "allow" })
  const strict = Decode.decode(input)
  claim(!strict.ok || decoded.ok, "what is taken strictly is taken")
  const end = endOf(input, 0, 0)
  claim((decoded.ok ? decoded.value.end : undefined) === end, "the grammar says the same")
  if (!decoded.ok) {
    claim(decoded.error.offset >= 0 && decoded.error.offset <= input.length, "an error lies in the source")
    claim(Decode.describe(decoded.error).length > 0, "an error can be told")
    return
  }
  const value = decoded.value
  claim(strict.ok === (value.end === input.length), "bytes behind the value are seen")
  spans(value, 0, input.length)
  const encoded = Encode.encode(encodable(value))
  const own = Value.span(input, value)
  claim(encoded.length === own.length, "a canonical value is as long as it was")
  claim(Bytes.equals(encoded, own) === isSorted(value), "sorted, and only then, it encodes to its own bytes")
  const again = Decode.decode(encoded)
  claim(again.ok, "what was encoded can be decoded")
  claim(isSorted(again.value), "what was encoded is sorted")
  claim(
    Bytes.equals(Encode.encode(encodable(again.value)), encoded),
    "decoding and encoding changes nothing more",
  )
  // Limits hold whatever they are.
  const small = Decode.decode(input, { maxDepth: 2, maxTokens: 5 })
  claim(!small.ok || strict.ok, "limits let nothing in")
}

export const targets: ReadonlyArray<Target> = [{
  name: "bencode",
  oracle:
    "as the grammar says; decode, encode, decode is a fixed point; sorted input encodes to itself; spans nest; errors lie in the source",
  covers: [
    "core/bencode/Decode.ts",
    "core/bencode/Encode.ts",
    "core/bencode/Scan.ts",
    "core/bencode/Lazy.ts",
  ],
  seeds: () => [
    ...Seeds.latin1(
      "i42e",
      "i-1e",
      "4:spam",
      "l4:spami1ee",
      "d3:cow3:moo4:spaml1:a1:bee",
      "d1:bi1e1:ai2ee",
      "i9223372036854775807e",
      "l".repeat(101) + "e".repeat(101),
      "d1:a".repeat(50) + "i1e" + "e".repeat(50),
      "1:a1:b",
      "d9:__proto__i1ee",
    ),
    ...Seeds.latin1(...Seeds.column("bencode_cases.tsv")),
  ],
  mutators: [Grammar.mutator(["a", "b", "ab", "info", "\u00ff", ""])],
  run,
}]
