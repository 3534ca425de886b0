import { it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import { describe, expect } from "vitest"
import type { Bytes } from "../../../core/base/Bytes.ts"
import * as Rng from "../../../core/base/Rng.ts"
import * as Bucket from "../../../core/dht/Bucket.ts"
import * as Compact from "../../../core/dht/Compact.ts"
import * as Doubt from "../../../core/dht/Doubt.ts"
import * as NodeId from "../../../core/dht/NodeId.ts"
import * as RoutingTable from "../../../core/dht/RoutingTable.ts"

const OWN = new Uint8Array(20)

/** An id with exactly so many leading bits of ours, told from others by `n`. */
const idAt = (bits: number, n: number): NodeId.NodeId => NodeId.near(OWN, bits, Rng.make(n))

const at = (host: string, port = 6_881): Bytes => Compact.fromAddress({ host, port })!

/** Addresses of different networks. */
const hostOf = (n: number): Bytes => at(`${60 + (n >> 8)}.${n & 255}.7.7`)

const full = (bits: number, count = 8, now = 0): RoutingTable.RoutingTable => {
  const table = RoutingTable.make("ipv4", OWN, 0)
  // Some that are nearer come first, so that this bucket is not the last one.
  for (let n = 0; n < 9; n++) {
    RoutingTable.answered(table, idAt(bits + 1 + (n & 1), 500 + n), hostOf(500 + n), 0)
  }
  for (let n = 0; n < count; n++) RoutingTable.answered(table, idAt(bits, n), hostOf(n), now + n)
  return table
}

const idsIn = (table: RoutingTable.RoutingTable, bucket: number, inUse: boolean): ReadonlyArray<string> => {
  const ids: Array<string> = []
  for (let row = bucket * Bucket.ROWS; row < (bucket + 1) * Bucket.ROWS; row++) {
    if (!Bucket.isFree(table.rows, row) && Bucket.isInUse(row) === inUse) {
      ids.push(Bucket.id(table.rows, row).join())
    }
  }
  return ids
}

type Op = readonly [what: number, bits: number, n: number, host: number, later: number]

const ops: fc.Arbitrary<ReadonlyArray<Op>> = fc.array(
  fc.tuple(
    fc.integer({ min: 0, max: 9 }),
    fc.integer({ min: 0, max: 12 }),
    fc.integer({ min: 0, max: 30 }),
    fc.integer({ min: 0, max: 60 }),
    fc.integer({ min: 0, max: 400_000 }),
  ),
  { maxLength: 400 },
)

/** Few hosts in few networks, so that they meet. */
const crowdedHost = (n: number): Bytes => at(`60.${n >> 4}.${(n >> 2) & 3}.${n & 3}`, 1_000 + (n % 3))

const play = (
  list: ReadonlyArray<Op>,
): { readonly table: RoutingTable.RoutingTable; readonly now: number } => {
  const table = RoutingTable.make("ipv4", OWN, 0)
  let now = 0
  for (const [what, bits, n, host, later] of list) {
    now += later
    const id = idAt(bits, n)
    if (what < 6) RoutingTable.answered(table, id, crowdedHost(host), now)
    else if (what < 8) RoutingTable.asked(table, id, crowdedHost(host), now)
    else RoutingTable.failed(table, crowdedHost(host), now)
  }
  return { table, now }
}

describe("a routing table, whatever happens to it", () => {
  it.prop("keeps its invariants", [ops], ([list]) => {
    const { table } = play(list)
    const { rows } = table
    const seen = new Set<string>()
    for (let bucket = 0; bucket < RoutingTable.bucketCount(table); bucket++) {
      const hosts = new Set<string>()
      const networks = new Map<string, number>()
      for (let row = bucket * Bucket.ROWS; row < (bucket + 1) * Bucket.ROWS; row++) {
        if (Bucket.isFree(rows, row)) continue
        const id = Bucket.id(rows, row)
        const endpoint = Bucket.endpoint(rows, row)
        expect(RoutingTable.bucketOf(table, id)).toBe(bucket)
        if (Bucket.isInUse(row)) expect(Bucket.has(rows, row, Bucket.ANSWERED)).toBe(true)
        expect(NodeId.commonBits(id, OWN)).toBeLessThan(160)
        for (const key of [`id ${id.join()}`, `at ${endpoint.join()}`]) {
          expect(seen.has(key)).toBe(false)
          seen.add(key)
        }
        const host = endpoint.subarray(0, 4).join()
        expect(hosts.has(host)).toBe(false)
        hosts.add(host)
        const network = endpoint.subarray(0, 3).join()
        networks.set(network, (networks.get(network) ?? 0) + 1)
      }
      for (const count of networks.values()) expect(count).toBeLessThanOrEqual(RoutingTable.MAX_OF_NETWORK)
    }
  })

  it.prop("finds the nearest as a search through all of it does", [ops, fc.integer()], ([list, seed]) => {
    const { table } = play(list)
    const target = NodeId.random(Rng.make(seed))
    for (const goal of [target, OWN, idAt(3, seed & 31)]) {
      const all = RoutingTable.inUse(table).map((row) => Bucket.id(table.rows, row))
        .sort((a, b) => NodeId.compare(goal, a, b))
      for (const count of [1, 8, 20]) {
        expect(RoutingTable.closest(table, goal, count).map((row) => Bucket.id(table.rows, row)))
          .toEqual(all.slice(0, count))
      }
    }
  })

  it.prop("says when there is a doubt as soon as there is one, and not before", [ops], ([list]) => {
    const { now, table } = play(list)
    const next = Doubt.nextDoubt(table)
    expect(Doubt.doubtful(table, now) !== Bucket.NONE).toBe(next <= now)
    if (next > now && next < Infinity) {
      expect(Doubt.doubtful(table, next - 1)).toBe(Bucket.NONE)
      expect(Doubt.doubtful(table, next)).not.toBe(Bucket.NONE)
    }
  })

  it.prop("moves to another id with all that have a place there", [ops, fc.integer()], ([list, seed]) => {
    const { now, table } = play(list)
    const moved = RoutingTable.move(table, NodeId.random(Rng.make(seed)), now)
    for (const row of RoutingTable.inUse(moved)) {
      const id = Bucket.id(moved.rows, row)
      expect(RoutingTable.bucketOf(moved, id)).toBe(Math.floor(row / Bucket.ROWS))
      expect(Bucket.withId(table.rows, RoutingTable.bucketOf(table, id), id)).not.toBe(Bucket.NONE)
    }
  })
})

describe("a bucket", () => {
  it("is not split again and again for a few who say that they are right next to us", () => {
    const table = RoutingTable.make("ipv4", OWN, 0)
    for (let n = 0; n < 30; n++) RoutingTable.answered(table, idAt(130 + (n & 7), n), hostOf(n), n)
    expect(RoutingTable.bucketCount(table)).toBeLessThan(10)
    expect(RoutingTable.size(table)).toBe(8)
  })

  it("far down is split as long as that divides its nodes", () => {
    const table = RoutingTable.make("ipv4", OWN, 0)
    for (let bits = 0; bits < 14; bits++) {
      for (let n = 0; n < 9; n++) {
        RoutingTable.answered(table, idAt(bits + (n & 1), bits * 9 + n), hostOf(bits * 9 + n), bits)
      }
    }
    expect(RoutingTable.bucketCount(table)).toBeGreaterThan(12)
  })

  it("is split only where our own id falls", () => {
    const table = RoutingTable.make("ipv4", OWN, 0)
    for (let n = 0; n < 30; n++) RoutingTable.answered(table, idAt(0, n), hostOf(n), 0)
    expect(RoutingTable.bucketCount(table)).toBe(2)
    expect(RoutingTable.size(table)).toBe(8)
    for (let n = 0; n < 9; n++) RoutingTable.answered(table, idAt(3, 100 + n), hostOf(100 + n), 0)
    expect(RoutingTable.bucketCount(table)).toBe(5)
    expect(RoutingTable.size(table)).toBe(16)
  })

  it("keeps good nodes and lets newcomers wait", () => {
    const table = full(0)
    const before = idsIn(table, 0, true)
    RoutingTable.answered(table, idAt(0, 50), hostOf(50), 60_000)
    expect(idsIn(table, 0, true)).toEqual(before)
    expect(idsIn(table, 0, false)).toEqual([idAt(0, 50).join()])
    expect(Doubt.doubtful(table, 60_000)).toBe(Bucket.NONE)
  })

  it("doubts the node that was heard of longest ago once it is questionable and somebody waits", () => {
    const table = full(0)
    expect(Doubt.doubtful(table, RoutingTable.GOOD_MS + 1_000)).toBe(Bucket.NONE)
    RoutingTable.answered(table, idAt(0, 0), hostOf(0), 1_000)
    RoutingTable.answered(table, idAt(0, 50), hostOf(50), 60_000)
    const row = Doubt.doubtful(table, RoutingTable.GOOD_MS + 5_000)
    expect(Bucket.id(table.rows, row)).toEqual(idAt(0, 1))
  })

  it("gives the place of a node that failed twice to the one that waits", () => {
    const table = full(0)
    RoutingTable.answered(table, idAt(0, 50), hostOf(50), 60_000)
    RoutingTable.failed(table, hostOf(3), 70_000)
    expect(idsIn(table, 0, true)).toContain(idAt(0, 3).join())
    RoutingTable.failed(table, hostOf(3), 80_000)
    expect(idsIn(table, 0, true)).not.toContain(idAt(0, 3).join())
    expect(idsIn(table, 0, true)).toContain(idAt(0, 50).join())
    expect(idsIn(table, 0, false)).toEqual([])
  })

  it("keeps a bad node that nobody replaces, tells of it no more, and trusts it again once it answers", () => {
    const table = full(0)
    for (let i = 0; i < 5; i++) RoutingTable.failed(table, hostOf(3), 1_000 * i)
    const listed = () =>
      RoutingTable.closest(table, idAt(0, 3), 8).map((row) => Bucket.id(table.rows, row).join())
    expect(listed()).not.toContain(idAt(0, 3).join())
    expect(RoutingTable.census(table, 0)).toMatchObject({ bad: 1 })
    RoutingTable.answered(table, idAt(0, 3), hostOf(3), 9_000)
    expect(listed()).toContain(idAt(0, 3).join())
    for (let i = 0; i < RoutingTable.MAX_FAILURES; i++) RoutingTable.failed(table, hostOf(3), 10_000)
    expect(idsIn(table, 0, true)).not.toContain(idAt(0, 3).join())
  })

  it("gives the place of an id that doesn't fit its address to one that does", () => {
    const table = full(0)
    const rng = Rng.make(1)
    let fitting: NodeId.NodeId | undefined
    for (let i = 0; fitting === undefined; i++) {
      const id = NodeId.fromAddress("99.9.9.9", i & 255, rng)
      if (NodeId.commonBits(id, OWN) === 0) fitting = id
    }
    RoutingTable.answered(table, fitting, at("99.9.9.9"), 60_000)
    expect(idsIn(table, 0, true)).toContain(fitting.join())
    // It stays, whoever else turns up.
    for (let n = 60; n < 80; n++) RoutingTable.answered(table, idAt(0, n), hostOf(n), 70_000)
    expect(idsIn(table, 0, true)).toContain(fitting.join())
    expect(idsIn(table, 0, true)).toHaveLength(8)
  })

  it("has no place for who only asked, until it answers", () => {
    const table = RoutingTable.make("ipv4", OWN, 0)
    expect(RoutingTable.asked(table, idAt(0, 1), hostOf(1), 0)).toBe(true)
    expect(RoutingTable.asked(table, idAt(0, 1), hostOf(1), 0)).toBe(false)
    expect(RoutingTable.size(table)).toBe(0)
    expect(Bucket.id(table.rows, Doubt.doubtful(table, 0))).toEqual(idAt(0, 1))
    RoutingTable.answered(table, idAt(0, 1), hostOf(1), 1)
    expect(RoutingTable.size(table)).toBe(1)
    expect(Doubt.doubtful(table, 1)).toBe(Bucket.NONE)
  })

  it("cannot be emptied by forged questions", () => {
    const table = full(0)
    RoutingTable.answered(table, idAt(0, 50), hostOf(50), 60_000)
    for (let n = 0; n < 1_000; n++) RoutingTable.asked(table, idAt(0, n), hostOf(100 + n % 300), 61_000)
    expect(idsIn(table, 0, true)).toHaveLength(8)
    expect(idsIn(table, 0, false)).toEqual([idAt(0, 50).join()])
  })
})

describe("a node", () => {
  it("that took another id has only that one", () => {
    const table = full(0)
    RoutingTable.answered(table, idAt(0, 70), hostOf(3), 1)
    expect(idsIn(table, 0, true)).toContain(idAt(0, 70).join())
    expect(idsIn(table, 0, true)).not.toContain(idAt(0, 3).join())
  })

  it("cannot take the id of another that is there", () => {
    const table = full(0)
    RoutingTable.answered(table, idAt(0, 3), at("99.1.1.1"), 1)
    const row = Bucket.withId(table.rows, 0, idAt(0, 3))
    expect(Bucket.endpoint(table.rows, row)).toEqual(hostOf(3))
  })

  it("keeps its place when its port changes", () => {
    const table = full(0)
    const moved = at("60.3.7.7", 4_000)
    RoutingTable.answered(table, idAt(0, 3), moved, 1)
    expect(Bucket.endpoint(table.rows, Bucket.withId(table.rows, 0, idAt(0, 3)))).toEqual(moved)
  })

  it("is one of many on a local network", () => {
    const table = RoutingTable.make("ipv4", OWN, 0)
    for (let n = 0; n < 8; n++) RoutingTable.answered(table, idAt(0, n), at("127.0.0.1", 4_000 + n), 0)
    expect(RoutingTable.size(table)).toBe(8)
  })
})
