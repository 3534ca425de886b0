import { it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import { describe, expect } from "vitest"
import type { Bytes } from "../../../core/base/Bytes.ts"
import * as Rng from "../../../core/base/Rng.ts"
import * as Compact from "../../../core/dht/Compact.ts"
import * as Lookup from "../../../core/dht/Lookup.ts"
import * as NodeId from "../../../core/dht/NodeId.ts"

const TARGET = new Uint8Array(20)
const OWN = new Uint8Array(20).fill(0xff)

const at = (host: string): Bytes => Compact.fromAddress({ host, port: 6_881 })!
const hostOf = (n: number): Bytes => at(`${20 + (n >> 9)}.${n & 255}.${(n >> 8) & 1}.7`)

/** The smaller, the nearer. */
const idOf = (distance: number): NodeId.NodeId => {
  const id = new Uint8Array(20)
  id[0] = distance >> 8
  id[1] = distance
  return id
}

const of = (...distances: ReadonlyArray<number>): Lookup.Lookup => {
  const lookup = Lookup.make(TARGET, "ipv4")
  for (const distance of distances) Lookup.add(lookup, idOf(distance), hostOf(distance), 1)
  return lookup
}

const askAll = (lookup: Lookup.Lookup): Array<Lookup.Candidate> => {
  const asked: Array<Lookup.Candidate> = []
  for (let next = Lookup.next(lookup); next !== undefined; next = Lookup.next(lookup)) asked.push(next)
  return asked
}

const distanceOf = ({ id }: Lookup.Candidate): number => (id![0]! << 8) | id![1]!

const nodes = (...distances: ReadonlyArray<number>): Bytes =>
  Compact.fromContacts(
    distances.map((d) => ({ id: idOf(d), address: Compact.toAddress(hostOf(d)) })),
    "ipv4",
  )

describe("a lookup", () => {
  it("asks the three nearest, and another for each that answers", () => {
    const lookup = of(50, 10, 40, 20, 30)
    const asked = askAll(lookup)
    expect(asked.map(distanceOf)).toEqual([10, 20, 30])
    Lookup.answered(lookup, asked[0]!, idOf(10), undefined)
    expect(askAll(lookup).map(distanceOf)).toEqual([40])
  })

  it("asks another for one that is late, and counts it still once it answers", () => {
    const lookup = of(10, 20, 30, 40)
    const [first] = askAll(lookup)
    Lookup.late(first!)
    expect(askAll(lookup).map(distanceOf)).toEqual([40])
    Lookup.answered(lookup, first!, idOf(10), undefined)
    expect(Lookup.nearest(lookup).map(distanceOf)).toEqual([10])
  })

  it("has no more than eight questions open, however late they are", () => {
    const lookup = of(...Array.from({ length: 30 }, (_, i) => i + 1))
    for (let round = 0; round < 10; round++) askAll(lookup).forEach(Lookup.late)
    expect(lookup.inFlight).toBe(Lookup.MAX_IN_FLIGHT)
  })

  it("doesn't let distant nodes hold up those that came in nearer", () => {
    const lookup = of(100, 110, 120)
    const [first] = askAll(lookup)
    Lookup.answered(lookup, first!, idOf(100), undefined)
    Lookup.take(lookup, first!, nodes(1, 2, 3), OWN)
    expect(askAll(lookup).map(distanceOf)).toEqual([1, 2, 3])
    expect(lookup.inFlight).toBe(5)
  })

  it("is done when the eight nearest have answered, whoever else is known", () => {
    const lookup = of(...Array.from({ length: 20 }, (_, i) => i + 1))
    for (let n = 0; n < 8; n++) {
      expect(Lookup.isDone(lookup)).toBe(false)
      Lookup.answered(lookup, lookup.candidates[n]!, idOf(n + 1), undefined)
      const next = Lookup.next(lookup)
      for (const candidate of lookup.candidates.slice(0, n + 1)) {
        if (candidate.state === "asked") Lookup.answered(lookup, candidate, candidate.id!, undefined)
      }
      if (next !== undefined) Lookup.answered(lookup, next, next.id!, undefined)
    }
    expect(Lookup.isDone(lookup)).toBe(true)
    expect(Lookup.nearest(lookup)).toHaveLength(8)
  })

  it("waits for late ones only while fewer than eight have answered", () => {
    const lookup = of(...Array.from({ length: 9 }, (_, i) => i + 1))
    const [dead] = askAll(lookup)
    Lookup.late(dead!)
    for (let i = 0; i < 8; i++) {
      askAll(lookup)
      expect(Lookup.isDone(lookup)).toBe(false)
      const busy = lookup.candidates.find(({ state }) => state === "asked")!
      Lookup.answered(lookup, busy, busy.id!, undefined)
    }
    expect(Lookup.isDone(lookup)).toBe(true)
    expect(Lookup.nearest(lookup).map(distanceOf)).toEqual([2, 3, 4, 5, 6, 7, 8, 9])

    const small = of(1, 2)
    const [gone, there] = askAll(small)
    Lookup.late(gone!)
    Lookup.answered(small, there!, idOf(2), undefined)
    expect(Lookup.isDone(small)).toBe(false)
    Lookup.failed(small, gone!)
    expect(Lookup.isDone(small)).toBe(true)
  })

  it("is done at once with nobody to ask", () => {
    expect(Lookup.isDone(of())).toBe(true)
  })

  it("counts who answers under another id for as near as it says itself", () => {
    const lookup = of(1, 50, 60)
    const [liar] = askAll(lookup)
    expect(Lookup.answered(lookup, liar!, idOf(300), undefined)).toBe(false)
    expect(lookup.candidates.map(distanceOf)).toEqual([50, 60, 300])
  })

  it("counts the questions from one node to the next", () => {
    const lookup = of(100)
    const [first] = askAll(lookup)
    Lookup.answered(lookup, first!, idOf(100), undefined)
    Lookup.take(lookup, first!, nodes(10), OWN)
    const [second] = askAll(lookup)
    Lookup.answered(lookup, second!, idOf(10), undefined)
    Lookup.take(lookup, second!, nodes(1), OWN)
    expect(lookup.candidates.map(({ hops }) => hops)).toEqual([3, 2, 1])
  })

  it("asks addresses without ids last, and sorts them in as they answer", () => {
    const lookup = Lookup.make(TARGET, "ipv4")
    Lookup.add(lookup, undefined, at("9.9.9.9"), 1)
    Lookup.add(lookup, idOf(50), hostOf(50), 1)
    const [known, router] = askAll(lookup)
    expect(known!.id).toEqual(idOf(50))
    expect(Lookup.answered(lookup, router!, idOf(7), undefined)).toBe(true)
    expect(lookup.candidates.map(distanceOf)).toEqual([7, 50])
  })
})

describe("lies in a lookup", () => {
  it("about where one is don't fill the end of it, if others are there (BEP 42)", () => {
    const rng = Rng.make(1)
    const lookup = Lookup.make(TARGET, "ipv4")
    for (let n = 1; n <= 40; n++) Lookup.add(lookup, idOf(n), hostOf(n), 1)
    const honest = Array.from({ length: 12 }, (_, n) => hostOf(100 + n))
    for (const endpoint of honest) {
      Lookup.add(lookup, NodeId.fromAddress(Compact.toAddress(endpoint).host, 1, rng), endpoint, 1)
    }
    while (!Lookup.isDone(lookup)) {
      for (const asked of askAll(lookup)) Lookup.answered(lookup, asked, asked.id!, undefined)
    }
    const nearest = Lookup.nearest(lookup)
    expect(nearest.map(({ fits }) => fits)).toEqual([...Array(4).fill(false), ...Array(4).fill(true)])
    // Eight of those that lie, at least the four that count of the others, and who was asked at the same time.
    expect(lookup.queries).toBeLessThan(20)
  })

  it("cost the honest nothing where nobody's id fits its address", () => {
    const lookup = of(...Array.from({ length: 20 }, (_, i) => i + 1))
    while (!Lookup.isDone(lookup)) {
      for (const asked of askAll(lookup)) Lookup.answered(lookup, asked, asked.id!, undefined)
    }
    expect(Lookup.nearest(lookup).map(distanceOf)).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
  })

  it("cost an address each, and a network for two", () => {
    const lookup = Lookup.make(TARGET, "ipv4")
    for (let n = 1; n < 50; n++) Lookup.add(lookup, idOf(n), at(`6.6.6.${n}`), 1)
    for (let n = 1; n < 50; n++) {
      Lookup.add(lookup, idOf(n), Compact.fromAddress({ host: "7.7.7.7", port: n })!, 1)
    }
    expect(lookup.candidates).toHaveLength(3)
  })

  it("don't fill it: an answer brings sixteen nodes at most, and the nearest hundred are kept", () => {
    const lookup = of(1)
    Lookup.take(lookup, lookup.candidates[0]!, nodes(...Array.from({ length: 500 }, (_, i) => i + 2)), OWN)
    expect(lookup.candidates).toHaveLength(1 + Lookup.MAX_TAKEN)
    for (let n = 2_000; n > 1_000; n--) Lookup.add(lookup, idOf(n), hostOf(n), 1)
    expect(lookup.candidates).toHaveLength(Lookup.MAX_CANDIDATES)
    expect(distanceOf(lookup.candidates.at(-1)!)).toBeLessThan(1_100)
  })

  it("lead nowhere on our own network, nor to ourselves", () => {
    const lookup = of(100)
    const list = Compact.fromContacts([
      { id: idOf(1), address: { host: "192.168.1.1", port: 80 } },
      { id: idOf(2), address: { host: "127.0.0.1", port: 80 } },
      { id: OWN, address: { host: "8.8.8.8", port: 80 } },
      { id: idOf(3), address: { host: "8.8.4.4", port: 80 } },
    ], "ipv4")
    Lookup.take(lookup, lookup.candidates[0]!, list, OWN)
    expect(lookup.candidates.map(distanceOf)).toEqual([3, 100])
  })

  it.prop(
    "never end it before it is over, nor keep it from ending",
    [fc.array(fc.tuple(fc.integer({ min: 0, max: 4 }), fc.integer({ min: 0, max: 60_000 })), {
      maxLength: 300,
    })],
    ([acts]) => {
      const lookup = of(20_000, 30_000, 40_000)
      for (const [act, n] of acts) {
        askAll(lookup)
        const busy = lookup.candidates.filter(({ state }) => state === "asked" || state === "late")
        const one = busy[n % Math.max(1, busy.length)]
        if (one === undefined) break
        if (act === 0) Lookup.late(one)
        else if (act === 1) Lookup.failed(lookup, one)
        else if (act === 2) Lookup.answered(lookup, one, idOf(n), undefined)
        else {
          Lookup.answered(lookup, one, one.id!, undefined)
          Lookup.take(lookup, one, nodes(n, (n * 7) & 0xffff, (n * 31) & 0xffff), OWN)
        }
      }
      for (let i = 0; i < 2 * Lookup.MAX_CANDIDATES && !Lookup.isDone(lookup); i++) {
        askAll(lookup)
        for (const candidate of lookup.candidates) Lookup.failed(lookup, candidate)
      }
      expect(Lookup.isDone(lookup)).toBe(true)
      expect(lookup.inFlight).toBeLessThanOrEqual(Lookup.MAX_IN_FLIGHT)
      const ids = lookup.candidates.filter(({ id }) => id !== undefined)
      for (let i = 1; i < ids.length; i++) {
        expect(NodeId.compare(TARGET, ids[i - 1]!.id!, ids[i]!.id!)).toBeLessThanOrEqual(0)
      }
    },
  )
})
