/**
 * uTP (BEP 29), which shoal does not speak: its datagrams come to the port of the DHT all the same, since peers try both.
 * None of them begins as a bencoded dictionary does, so they are dropped and counted as malformed. Nothing is ever answered:
 * there is no connection to open, to reset or to keep, and so nothing to amplify.
 */
import { expect } from "vitest"
import * as Bytes from "../../core/base/Bytes.ts"
import * as Krpc from "../../core/dht/Krpc.ts"
import * as Node from "../../core/dht/Node.ts"
import * as NodeId from "../../core/dht/NodeId.ts"
import * as Rng from "../../core/base/Rng.ts"
import { row } from "./Row.ts"

const DATA = 0
const FIN = 1
const STATE = 2
const RESET = 3
const SYN = 4

/** A header (BEP 29), and what follows it. */
const datagram = (
  { type, version = 1, extension = 0, window = 1_048_576, seq = 1, ack = 0 }: {
    type: number
    version?: number
    extension?: number
    window?: number
    seq?: number
    ack?: number
  },
  rest: Uint8Array = new Uint8Array(0),
): Uint8Array => {
  const bytes = new Uint8Array(20)
  const view = new DataView(bytes.buffer)
  view.setUint8(0, type << 4 | version)
  view.setUint8(1, extension)
  view.setUint16(2, 4_711)
  view.setUint32(12, window)
  view.setUint16(16, seq)
  view.setUint16(18, ack)
  return Bytes.concat([bytes, rest])
}

const bytes = (...list: ReadonlyArray<number>): Uint8Array => Uint8Array.from(list)

const cases: ReadonlyArray<readonly [what: string, bytes: Uint8Array]> = [
  ["version 2", datagram({ type: SYN, version: 2 })],
  ["type 5", datagram({ type: 5 })],
  ["type 15, version 15", datagram({ type: 15, version: 15 })],
  ["an extension past the end", datagram({ type: STATE, extension: 1 }, bytes(0, 255))],
  ["an extension that follows itself", datagram({ type: STATE, extension: 1 }, bytes(1, 0, 1, 0, 1, 0))],
  ["a selective ack of 3 bytes", datagram({ type: STATE, extension: 1 }, bytes(0, 3, 1, 2, 3))],
  ["an ack of what was never sent", datagram({ type: STATE, ack: 65_535 })],
  ["a window of 0", datagram({ type: STATE, window: 0 })],
  ["a packet 65,535 ahead", datagram({ type: DATA, seq: 0 }, bytes(1))],
  ["data before any ack", datagram({ type: DATA, seq: 2 }, Bytes.latin1("\x13BitTorrent protocol"))],
  ["a reset of nothing", datagram({ type: RESET })],
  ["an end of nothing", datagram({ type: FIN })],
  ["a SYN", datagram({ type: SYN })],
  ["less than a header", datagram({ type: SYN }).subarray(0, 19)],
]

const make = (): Node.Node =>
  Node.make({
    id: NodeId.random(Rng.make(1)),
    seed: 1,
    isReadOnly: false,
    families: ["ipv4"],
    bootstrap: [],
    saved: [],
  }, 0)

const from = { host: "80.1.2.3", port: 6_881 }

const ping = Krpc.encode({
  _tag: "Query",
  transaction: Bytes.latin1("aa"),
  id: NodeId.random(Rng.make(2)),
  isReadOnly: true,
  request: { _tag: "Ping" },
})

for (const [what, packet] of cases) {
  row(80, `a uTP datagram, ${what} -> dropped, counted, nothing answered`, () => {
    const [node, commands] = Node.step(make(), { _tag: "Packet", now: 0, from, bytes: packet })
    expect(commands).toEqual([])
    expect(Node.stats(node)).toMatchObject({ malformed: 1, answersOut: 0, queriesIn: 0 })
    const [, answers] = Node.step(node, { _tag: "Packet", now: 1, from, bytes: ping })
    expect(answers.map(({ _tag }) => _tag)).toEqual(["Send"])
  })
}

row(80, "a flood of SYNs from everywhere -> no byte leaves, no memory grows, questions are answered", () => {
  let node = make()
  const sizes: Array<number> = []
  for (let i = 0; i < 20_000; i++) {
    const address = { host: `80.${i >> 16}.${(i >> 8) & 255}.${i & 255}`, port: 1_024 + i }
    const [next, commands] = Node.step(node, {
      _tag: "Packet",
      now: i,
      from: address,
      bytes: datagram({ type: SYN }),
    })
    node = next
    expect(commands.some(({ _tag }) => _tag === "Send")).toBe(false)
    if (i % 5_000 === 4_999) {
      sizes.push(JSON.stringify(Node.stats(node).nodes).length + Node.stats(node).openQueries)
    }
  }
  expect(new Set(sizes).size).toBe(1)
  expect(node.machine.rate.sources.length).toBe(0)
  expect(Node.stats(node).malformed).toBe(20_000)
  const [, answers] = Node.step(node, { _tag: "Packet", now: 20_000, from, bytes: ping })
  expect(answers.map(({ _tag }) => _tag)).toEqual(["Send"])
})
