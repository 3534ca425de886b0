import { describe, expect, it } from "vitest"
import * as Compact from "../../../core/dht/Compact.ts"
import * as Queries from "../../../core/dht/Queries.ts"

const KEY = new Uint8Array(16).fill(3)
const A = Compact.fromAddress({ host: "1.2.3.4", port: 5 })!
const B = Compact.fromAddress({ host: "1.2.3.4", port: 6 })!

describe("open questions", () => {
  it("are closed by a reply from where they went to, once", () => {
    const queries = Queries.make<string>(KEY)
    const transaction = Queries.open(queries, A, "one", 0)!
    expect(Queries.close(queries, transaction, B)).toBe("elsewhere")
    expect(Queries.close(queries, transaction.subarray(1), A)).toBe("unknown")
    expect(Queries.close(queries, transaction, A)).toMatchObject({ purpose: "one", sentAt: 0 })
    expect(Queries.close(queries, transaction, A)).toBe("unknown")
  })

  it("become late, and are lost, in the order in which they were sent", () => {
    const queries = Queries.make<string>(KEY)
    expect(Queries.nextWake(queries)).toBe(Infinity)
    const first = Queries.open(queries, A, "one", 0)!
    Queries.open(queries, B, "two", 100)
    expect(Queries.nextWake(queries)).toBe(Queries.LATE_MS)
    expect(Queries.nextLate(queries, Queries.LATE_MS - 1)).toBeUndefined()
    expect(Queries.nextLate(queries, Queries.LATE_MS)!.purpose).toBe("one")
    expect(Queries.nextLate(queries, Queries.LATE_MS)).toBeUndefined()
    expect(Queries.nextWake(queries)).toBe(Queries.LATE_MS + 100)
    expect(Queries.nextLate(queries, 5_000)!.purpose).toBe("two")
    expect(Queries.nextWake(queries)).toBe(Queries.LOST_MS)
    // A late reply is a reply.
    expect(Queries.close(queries, first, A)).toMatchObject({ purpose: "one" })
    expect(Queries.nextLost(queries, Queries.LOST_MS)).toBeUndefined()
    expect(Queries.nextLost(queries, Queries.LOST_MS + 100)!.purpose).toBe("two")
    expect(Queries.size(queries)).toBe(0)
  })

  it("are no more than so many", () => {
    const queries = Queries.make<number>(KEY)
    for (let i = 0; i < Queries.MAX_OPEN; i++) expect(Queries.open(queries, A, i, i)).toHaveLength(4)
    expect(Queries.open(queries, A, 0, 1_000)).toBeUndefined()
    expect(Queries.nextLate(queries, 1_000_000)!.purpose).toBe(0)
    expect(Queries.open(queries, A, 0, 1_000)).toBeUndefined()
    expect(Queries.nextLost(queries, 1_000_000)!.purpose).toBe(0)
    expect(Queries.open(queries, A, 0, 1_000)).toHaveLength(4)
  })

  it("of one address end together where nothing can be sent there", () => {
    const queries = Queries.make<string>(KEY)
    Queries.open(queries, A, "one", 0)
    Queries.nextLate(queries, 5_000)
    Queries.open(queries, B, "two", 5_000)
    Queries.open(queries, A, "three", 5_000)
    expect(Queries.unsent(queries, A).map(({ purpose }) => purpose)).toEqual(["one", "three"])
    expect(Queries.isAwaited(queries, A)).toBe(true) // The same host, another port.
    expect(Queries.unsent(queries, B)).toHaveLength(1)
    expect(Queries.isAwaited(queries, A)).toBe(false)
  })
})
