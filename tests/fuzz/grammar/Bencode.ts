/** Bencode as a grammar: inputs are read leniently into trees, a part of a tree is changed, and written again. */
import * as Bytes from "../../../core/base/Bytes.ts"
import * as Decode from "../../../core/bencode/Decode.ts"
import type * as Value from "../../../core/bencode/Value.ts"
import * as Rng from "../../../core/base/Rng.ts"
import * as Mutate from "../Mutate.ts"
import type { Mutator } from "../Target.ts"

/** A tree that may say things no decoder takes: keys twice, in any order. */
type Node =
  | { readonly kind: "raw"; readonly bytes: Bytes.Bytes }
  | { readonly kind: "text"; readonly bytes: Bytes.Bytes }
  | { readonly kind: "list"; readonly items: Array<Node> }
  | { readonly kind: "dict"; readonly entries: Array<[Bytes.Bytes, Node]> }

const read = (value: Value.Value, source: Bytes.Bytes): Node => {
  switch (value._tag) {
    case "Integer":
      return { kind: "raw", bytes: source.subarray(value.start, value.end) }
    case "Text":
      return { kind: "text", bytes: value.bytes }
    case "List":
      return { kind: "list", items: value.items.map((item) => read(item, source)) }
    case "Dict":
      return {
        kind: "dict",
        entries: [...value.entries].map(([key, item]) => [Bytes.latin1(key), read(item, source)]),
      }
  }
}

const write = (node: Node, out: Array<Bytes.Bytes>): void => {
  switch (node.kind) {
    case "raw":
      out.push(node.bytes)
      return
    case "text":
      out.push(Bytes.latin1(`${node.bytes.length}:`), node.bytes)
      return
    case "list":
      out.push(Bytes.latin1("l"))
      for (const item of node.items) write(item, out)
      break
    case "dict":
      out.push(Bytes.latin1("d"))
      for (const [key, item] of node.entries) {
        out.push(Bytes.latin1(`${key.length}:`), key)
        write(item, out)
      }
  }
  out.push(Bytes.latin1("e"))
}

/** Something small, of any kind. */
const invent = (rng: Rng.Rng, words: ReadonlyArray<string>): Node => {
  switch (Rng.below(rng, 6)) {
    case 0:
      return { kind: "raw", bytes: Bytes.latin1(`i${integer(rng)}e`) }
    case 1:
      return { kind: "text", bytes: Mutate.randomBytes(rng, Mutate.pick(rng, LENGTHS)) }
    case 2:
      return { kind: "text", bytes: Bytes.utf8(Mutate.pick(rng, words)) }
    case 3:
      return { kind: "list", items: Array.from({ length: Rng.below(rng, 4) }, () => invent(rng, words)) }
    case 4:
      return {
        kind: "dict",
        entries: Array.from({ length: Rng.below(rng, 3) }, () => [
          Bytes.utf8(Mutate.pick(rng, words)),
          invent(rng, words),
        ]),
      }
    default:
      return { kind: "raw", bytes: Bytes.latin1(Mutate.pick(rng, FLAWS)) }
  }
}

/** Compact addresses, hashes, keys, and their neighbours. */
const LENGTHS = [
  0,
  1,
  4,
  5,
  6,
  7,
  8,
  16,
  18,
  19,
  20,
  21,
  26,
  32,
  38,
  40,
  60,
  64,
  65,
  256,
  600,
  1_000,
  1_001,
  1_800,
  3_000,
]

/** What no decoder takes, or only just. */
const FLAWS = [
  "i-0e",
  "i01e",
  "ie",
  "i-e",
  "03:abc",
  "99:a",
  "-1:a",
  "i9223372036854775808e",
  "le",
  "de",
  "0:",
  "e",
]

const integer = (rng: Rng.Rng): string => {
  const value = Mutate.number(rng)
  return `${Rng.below(rng, 5) === 0 ? "-" : ""}${BigInt(value)}`
}

/** Changes one place of a tree, which is the caller's to keep. */
const change = (rng: Rng.Rng, root: Node, other: Node, words: ReadonlyArray<string>): Node => {
  const places: Array<(node: Node | undefined, copies: number) => void> = [(node) => root = node ?? root]
  const nodes: Array<Node> = [root]
  const walk = (node: Node): void => {
    const inside = node.kind === "list" ? node.items : node.kind === "dict" ? node.entries : []
    inside.forEach((entry, i) => {
      const child = Array.isArray(entry) ? entry[1] : entry
      nodes.push(child)
      places.push((replacement, copies) => {
        if (node.kind === "list") {
          node.items.splice(i, 1, ...Array.from({ length: copies }, () => replacement ?? child))
        } else if (node.kind === "dict") {
          const key = node.entries[i]![0]
          node.entries.splice(
            i,
            1,
            ...Array.from({ length: copies }, (): [Bytes.Bytes, Node] => [key, replacement ?? child]),
          )
        }
      })
      walk(child)
    })
  }
  walk(root)
  const at = Rng.below(rng, nodes.length)
  const node = nodes[at]!
  const put = places[at]!
  switch (Rng.below(rng, 9)) {
    case 0:
      put(undefined, 0)
      break
    case 1:
      put(undefined, Rng.below(rng, 8) === 0 ? Mutate.magnitude(rng, 7) : 2)
      break
    case 2:
      put(donor(rng, other), 1)
      break
    case 3:
      put({ kind: "list", items: [node] }, 1)
      break
    case 4:
      if (node.kind === "dict") {
        node.entries.push([Bytes.utf8(Mutate.pick(rng, words)), invent(rng, words)])
        // Most of the time where it belongs.
        if (Rng.below(rng, 4) > 0) node.entries.sort(([a], [b]) => Bytes.compare(a, b))
        break
      }
      if (node.kind === "list") {
        node.items.push(invent(rng, words))
        break
      }
      put(invent(rng, words), 1)
      break
    case 5:
      if (node.kind === "text") {
        const length = Mutate.pick(rng, LENGTHS)
        const bytes = new Uint8Array(length)
        bytes.set(node.bytes.subarray(0, length))
        put({ kind: "text", bytes }, 1)
        break
      }
      put(invent(rng, words), 1)
      break
    case 6:
      put({ kind: "raw", bytes: Bytes.latin1(`i${integer(rng)}e`) }, 1)
      break
    case 7:
      if (node.kind === "dict" && node.entries.length > 0) {
        const entry = Mutate.pick(rng, node.entries)
        entry[0] = Rng.below(rng, 2) === 0
          ? Bytes.utf8(Mutate.pick(rng, words))
          : Mutate.pick(rng, node.entries)[0]
        break
      }
      put(invent(rng, words), 1)
      break
    default:
      put(invent(rng, words), 1)
  }
  return root
}

/** Some part of another input. */
const donor = (rng: Rng.Rng, from: Node): Node => {
  let node = from
  while (Rng.below(rng, 3) > 0) {
    if (node.kind === "list" && node.items.length > 0) node = Mutate.pick(rng, node.items)
    else if (node.kind === "dict" && node.entries.length > 0) node = Mutate.pick(rng, node.entries)[1]
    else break
  }
  return node
}

const parse = (bytes: Bytes.Bytes): readonly [Node, tail: Bytes.Bytes] | undefined => {
  const decoded = Decode.decode(bytes, { trailing: "allow", maxDepth: 60, maxTokens: 5_000 })
  return decoded.ok ? [read(decoded.value, bytes), bytes.subarray(decoded.value.end)] : undefined
}

/** A mutator of bencode; `words` are keys that mean something. Bytes behind the value stay as they are. */
export const mutator = (words: ReadonlyArray<string>): Mutator => (rng, input, other) => {
  const [tree, tail] = parse(input) ?? [invent(rng, words), Bytes.empty]
  const changed = change(rng, tree, parse(other)?.[0] ?? invent(rng, words), words)
  const out: Array<Bytes.Bytes> = []
  write(changed, out)
  return Bytes.concat([...out, tail])
}
