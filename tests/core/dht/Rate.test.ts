import { describe, expect, it } from "vitest"
import * as Compact from "../../../core/dht/Compact.ts"
import * as Proven from "../../../core/dht/Proven.ts"
import * as Rate from "../../../core/dht/Rate.ts"
import * as Votes from "../../../core/dht/Votes.ts"

const at = (host: string, port = 1) => Compact.fromAddress({ host, port })!

describe("a limit of queries", () => {
  it("counts an address by its host, and begins anew with each window", () => {
    const rate = Rate.make(0)
    for (let i = 0; i < Rate.MAX_QUERIES; i++) expect(Rate.admit(rate, at("1.2.3.4", i + 1), 0)).toBe(true)
    for (let i = 0; i < Rate.MAX_QUERIES; i++) {
      expect(Rate.admit(rate, at("1.2.3.4"), Rate.WINDOW_MS)).toBe(true)
    }
    expect(Rate.isBlocked(rate, at("1.2.3.4"), Rate.WINDOW_MS)).toBe(false)
    expect(Rate.admit(rate, at("1.2.3.4"), Rate.WINDOW_MS)).toBe(false)
    expect(Rate.isBlocked(rate, at("1.2.3.4", 9), Rate.WINDOW_MS)).toBe(true)
    expect(Rate.isBlocked(rate, at("1.2.3.4"), Rate.WINDOW_MS + Rate.BLOCK_MS)).toBe(false)
  })

  it("takes a site of IPv6 for one, and remembers who is blocked among many others", () => {
    const rate = Rate.make(0)
    for (let i = 0; i <= Rate.MAX_QUERIES; i++) Rate.admit(rate, at(`2a00:1:2:${i.toString(16)}::1`), 0)
    expect(Rate.isBlocked(rate, at("2a00:1:2:ffff::2"), 1)).toBe(true)
    expect(Rate.isBlocked(rate, at("2a00:1:3::2"), 1)).toBe(false)
    for (let i = 0; i < 1_000; i++) Rate.admit(rate, at(`9.${i >> 8}.${i & 255}.1`), i)
    expect(Rate.isBlocked(rate, at("2a00:1:2::1"), 1_000)).toBe(true)
    expect(rate.sources.byteLength).toBeLessThanOrEqual(Rate.MAX_SOURCES * 32)
  })
})

describe("a proof of being there", () => {
  it("is of a host, for ten minutes, among the last that gave one", () => {
    const proven = Proven.make()
    Proven.add(proven, at("1.2.3.4", 5), 0)
    expect(Proven.has(proven, at("1.2.3.4", 6), Proven.LIFETIME_MS - 1)).toBe(true)
    expect(Proven.has(proven, at("1.2.3.4", 5), Proven.LIFETIME_MS)).toBe(false)
    expect(Proven.has(proven, at("1.2.3.5", 5), 1)).toBe(false)
    expect(Proven.has(proven, at("102:304::", 5), 1)).toBe(false)
    for (let i = 0; i < 100; i++) Proven.add(proven, at(`9.9.9.${i}`), i)
    expect(Proven.has(proven, at("1.2.3.4"), 100)).toBe(false)
    expect(Proven.has(proven, at("9.9.9.99"), 100)).toBe(true)
    expect(proven.until).toHaveLength(Proven.MAX_HOSTS)
  })
})

describe("votes on our address", () => {
  it("count one a network, and decide when four agree who are most of all", () => {
    const votes = Votes.make()
    const mine = at("99.1.2.3", 700)
    for (let i = 0; i < 20; i++) expect(Votes.add(votes, at(`8.${i}.1.1`), mine)).toBeUndefined()
    for (const other of ["11.1.1.1", "12.1.1.1", "13.1.1.1"]) Votes.add(votes, at(other), at("98.7.6.5"))
    expect(Votes.add(votes, at("14.1.1.1"), mine)).toBeUndefined()
    expect(Votes.add(votes, at("15.1.1.1"), mine)).toBeUndefined()
    expect(Votes.add(votes, at("16.1.1.1"), mine)).toEqual({ host: "99.1.2.3", port: 700 })
    // It is news once.
    expect(Votes.add(votes, at("17.1.1.1"), mine)).toBeUndefined()
    expect(votes.rows).toHaveLength(8 * 7)
  })

  it("follow us to another address", () => {
    const votes = Votes.make()
    for (let i = 1; i < 40; i++) Votes.add(votes, at(`${i}.1.1.1`), at("99.1.2.3"))
    const learned = []
    for (let i = 1; i < 40; i++) learned.push(Votes.add(votes, at(`${i}.1.1.1`), at("98.1.2.3")))
    expect(learned.filter((address) => address !== undefined)).toEqual([{ host: "98.1.2.3", port: 1 }])
    expect(votes.rows).toHaveLength(Votes.MAX_VOTERS * 7)
  })

  it("are not of the other family, of our own network, or for an address that nobody has", () => {
    const votes = Votes.make()
    for (let i = 1; i < 40; i++) {
      Votes.add(votes, at(`${i}.1.1.1`), at("2a00::1"))
      Votes.add(votes, at(`10.${i}.1.1`), at("99.1.2.3"))
      Votes.add(votes, at(`${i + 40}.1.1.1`), at("10.1.2.3"))
      Votes.add(votes, at(`${i + 80}.1.1.1`), at("0.0.0.0"))
    }
    expect(votes.rows).toHaveLength(0)
  })
})
