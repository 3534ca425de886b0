/** What lies on a link, against a plain list of bytes. */
import { it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import { describe, expect } from "vitest"
import * as Bytes from "../../../core/base/Bytes.ts"
import * as Rng from "../../../core/base/Rng.ts"
import * as Flow from "../../../core/sim/Flow.ts"
import * as Link from "../../../core/sim/Link.ts"
import * as Reader from "../../../core/sim/Reader.ts"

const random = (length: number, seed = 1): Bytes.Bytes => Rng.fill(Rng.make(seed), new Uint8Array(length))

const make = (isShared: boolean) => {
  const links = Link.make(isShared)
  return { links, link: Link.pair(links, 3, 1, 8, -1), reader: Reader.make() }
}

/** Cells that hold anything. */
const cellsInUse = ({ cells }: Link.Links): number => {
  let free = 0
  for (let cell = cells.free; cell !== 0; cell = cells.words[cell * 16]!) free++
  return cells.touched - 1 - free
}

const doing = fc.oneof(
  fc.record({
    what: fc.constant("add" as const),
    amount: fc.integer({ min: 1, max: 5_000 }),
    isPayload: fc.boolean(),
  }),
  fc.record({
    what: fc.constantFrom("segment" as const, "cut" as const, "read" as const),
    amount: fc.integer({ min: 1, max: 9_000 }),
    isPayload: fc.constant(false),
  }),
)

describe("Flow", () => {
  it.prop(
    "brings what was put in, however it is sent and read, and keeps nothing of it",
    [fc.array(doing, { maxLength: 60 })],
    ([doings]) => {
      const { link, links, reader } = make(false)
      const rng = Rng.make(1)
      const said: Array<Bytes.Bytes> = []
      const heard: Array<Bytes.Bytes> = []
      let blocks = 0
      const send = (most: number, isCut: boolean): void => {
        if (Flow.unsentBytes(links, link) === 0) return
        const bytes = isCut ? Flow.randomSegment(links, link, most, rng) : Flow.segment(links, link, most)
        expect(bytes).toBeGreaterThan(0)
        expect(bytes).toBeLessThanOrEqual(most)
        Flow.arrived(links, link, bytes)
      }
      const read = (most: number): void => {
        const bytes = Math.min(most, Flow.arrivedBytes(links, link))
        if (bytes === 0) return
        blocks += Flow.read(links, link, reader, bytes)
        heard.push(Reader.view(reader, bytes).slice())
      }
      for (const [index, { amount, isPayload, what }] of doings.entries()) {
        if (what === "add") {
          said.push(random(amount, index))
          Flow.add(links, link, said.at(-1)!, isPayload ? Flow.PAYLOAD : Flow.MESSAGES)
        } else if (what === "read") read(amount)
        else send(amount, what === "cut")
      }
      while (Flow.unsentBytes(links, link) > 0) send(4_000, false)
      while (Flow.flightBytes(links, link) > 0) read(7_000)
      expect(Bytes.equals(Bytes.concat(heard), Bytes.concat(said))).toBe(true)
      expect(blocks).toBe(doings.filter(({ isPayload }) => isPayload).length)
      expect(cellsInUse(links)).toBe(0)
    },
  )

  it("sends whole chunks, where they fit", () => {
    const { link, links } = make(true)
    for (const length of [13, 16_384, 13, 16_384, 9]) {
      Flow.add(links, link, new Uint8Array(length), length > 1_000 ? Flow.PAYLOAD : Flow.MESSAGES)
    }
    expect([Flow.segment(links, link, 20_000), Flow.segment(links, link, 10_000)]).toEqual([16_410, 10_000])
    expect(Flow.segment(links, link, 10_000)).toBe(6_393)
    expect(Flow.unsentBytes(links, link)).toBe(0)
  })

  it("knows which of shared payload is wrong, part by part", () => {
    const { link, links, reader } = make(true)
    const kinds = [Flow.PAYLOAD, Flow.WRONG_PAYLOAD, Flow.PAYLOAD]
    for (const kind of kinds) Flow.add(links, link, new Uint8Array(100), kind)
    Flow.arrived(links, link, Flow.segment(links, link, 1_000))
    expect(Flow.read(links, link, reader, 150)).toBe(1)
    const isWrong = (from: number, to: number) => Reader.isWrong(reader, reader.buffer.subarray(from, to))
    expect([isWrong(0, 100), isWrong(90, 101), isWrong(100, 150)]).toEqual([false, true, true])
    expect(Flow.read(links, link, reader, 150)).toBe(2)
    expect([isWrong(0, 50), isWrong(50, 150)]).toEqual([true, false])
  })

  it("loses what lies on a link that ends, and its cells are free", () => {
    const { link, links } = make(false)
    for (let i = 0; i < 20; i++) Flow.add(links, link, random(5_000, i), i % 2)
    Flow.arrived(links, link, Flow.segment(links, link, 30_000))
    expect(Flow.dropUnsent(links, link)).toBe(70_000)
    expect(Flow.end(links, link)).toBe(30_000)
    expect(Flow.flightBytes(links, link) + Flow.unsentBytes(links, link)).toBe(0)
    expect([cellsInUse(links), links.payloads!.size]).toEqual([0, 0])
  })
})

describe("Link", () => {
  const end = (links: Link.Links, link: Link.Link): void => {
    Flow.end(links, link)
    Flow.end(links, Link.back(link))
  }

  it("is known by its number, and so is its other direction", () => {
    const links = Link.make(true)
    const pairs = Array.from({ length: 1_000 }, (_, i) => Link.pair(links, i, i + 1, 2 * i, -i - 1))
    for (const [i, link] of pairs.entries()) {
      const back = Link.back(link)
      expect([Link.from(links, link), Link.fromConn(links, link)]).toEqual([i, i + 1])
      expect([Link.to(links, link), Link.toConn(links, link)]).toEqual([2 * i, -i - 1])
      expect([Link.from(links, back), Link.fromConn(links, back)]).toEqual([2 * i, -i - 1])
      expect([Link.is(links, link, Link.DIALLED), Link.is(links, back, Link.DIALLED)]).toEqual([true, false])
    }
    expect(Link.all(links)).toHaveLength(2_000)
  })

  it("keeps its number until nothing names it any more", () => {
    const links = Link.make(true)
    const link = Link.pair(links, 0, 1, 1, -1)
    Link.expectEvent(links, Link.back(link))
    Link.set(links, link, Link.QUEUED, true)
    end(links, link)
    const another = Link.pair(links, 0, 2, 1, -2)
    expect(another).not.toBe(link)
    Link.eventCame(links, Link.back(link))
    Link.freeIfOver(links, Link.back(link))
    expect(Link.all(links)).toHaveLength(4)
    Link.set(links, link, Link.QUEUED, false)
    Link.freeIfOver(links, link)
    Link.freeIfOver(links, link)
    expect(Link.all(links)).toEqual([another, Link.back(another)])
    expect(Link.pair(links, 5, 1, 6, -1)).toBe(link)
    expect(Link.is(links, link, Link.CLOSED)).toBe(false)
  })
})
