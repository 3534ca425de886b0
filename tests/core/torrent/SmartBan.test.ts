import { describe, expect, it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import type { PieceIndex } from "../../../core/metainfo/Geometry.ts"
import * as SmartBan from "../../../core/torrent/SmartBan.ts"

const piece = 3 as PieceIndex
const sender = (conn: number): SmartBan.Sender => ({ conn, address: { host: `10.0.0.${conn}`, port: 1 } })

/** One digest a letter. */
const digests = (text: string): Uint8Array =>
  Uint8Array.from([...text].flatMap((letter) => new Array<number>(20).fill(letter.charCodeAt(0))))

/** A bad piece, sent by these connections, looked like this; 0: nobody knows who sent it. */
const bad = (ban: SmartBan.SmartBan, conns: ReadonlyArray<number>, text: string, at = piece) => {
  SmartBan.askedBad(ban, at, conns.map((conn) => conn === 0 ? undefined : sender(conn)))
  return SmartBan.answered(ban, at, digests(text))
}

const verdict = (ban: SmartBan.SmartBan, text: string, at = piece) => {
  if (!SmartBan.askedGood(ban, at)) return undefined
  const finding = SmartBan.answered(ban, at, digests(text))
  if (finding._tag !== "Verdict") return undefined
  return {
    guilty: finding.guilty.map(({ conn }) => conn).sort(),
    innocent: finding.innocent.map(({ conn }) => conn).sort(),
  }
}

describe("the verdict", () => {
  it("convicts who sent a block that looked otherwise, and nobody else", () => {
    const ban = SmartBan.make()
    expect(bad(ban, [1, 2, 1, 3], "abcX")).toEqual({ _tag: "Sampled" })
    expect(verdict(ban, "abcd")).toEqual({ guilty: [3], innocent: [1, 2] })
  })

  it("takes every failure of the piece together", () => {
    const ban = SmartBan.make()
    bad(ban, [1, 2, 1, 3], "abcX")
    bad(ban, [4, 2, 1, 1], "Ybcd")
    expect(verdict(ban, "abcd")).toEqual({ guilty: [3, 4], innocent: [1, 2] })
  })

  it("blames nobody for a block whose sender isn't known", () => {
    const ban = SmartBan.make()
    bad(ban, [1, 0], "aX")
    expect(verdict(ban, "ab")).toEqual({ guilty: [], innocent: [1] })
  })

  it("is asked for once, and only of a piece that had failed", () => {
    const ban = SmartBan.make()
    expect(SmartBan.askedGood(ban, piece)).toBe(false)
    bad(ban, [1, 2], "aX")
    expect(verdict(ban, "ab")).toEqual({ guilty: [2], innocent: [1] })
    expect(verdict(ban, "ab")).toBeUndefined()
    expect(ban.blocks).toBe(0)
  })

  it("of digests that nobody asked for is none", () => {
    expect(SmartBan.answered(SmartBan.make(), piece, digests("ab"))).toEqual({ _tag: "None" })
  })

  it.prop(
    "is right whoever sent what, in however many failures",
    [fc.array(fc.array(fc.record({ conn: fc.integer({ min: 1, max: 5 }), isSpoiled: fc.boolean() }), {
      minLength: 6,
      maxLength: 6,
    }))],
    ([failures]) => {
      const ban = SmartBan.make()
      const guilty = new Set<number>()
      const involved = new Set<number>()
      for (const failure of failures) {
        bad(
          ban,
          failure.map(({ conn }) => conn),
          failure.map((one, i) => one.isSpoiled ? "X" : "abcdef"[i]).join(""),
        )
        for (const { conn, isSpoiled } of failure) {
          involved.add(conn)
          if (isSpoiled) guilty.add(conn)
        }
      }
      const found = verdict(ban, "abcdef") ?? { guilty: [], innocent: [] }
      expect(found.guilty).toEqual([...guilty].sort())
      expect(found.innocent).toEqual([...involved].filter((conn) => !guilty.has(conn)).sort())
    },
  )
})

describe("memory", () => {
  it("forgets the oldest piece first, and never the newest sample", () => {
    const ban = SmartBan.make()
    const blocks = SmartBan.MAX_BLOCKS / 4
    const conns = new Array<number>(blocks).fill(1)
    const text = "a".repeat(blocks)
    for (let at = 0; at < 6; at++) bad(ban, conns, text, at as PieceIndex)
    expect([...ban.samples.keys()]).toEqual([2, 3, 4, 5])
    expect(ban.blocks).toBe(SmartBan.MAX_BLOCKS)
    // One that is larger than all that may be remembered.
    const huge = SmartBan.MAX_BLOCKS + 1
    bad(ban, new Array<number>(huge).fill(1), "a".repeat(huge), 9 as PieceIndex)
    expect([...ban.samples.keys()]).toEqual([9])
    expect(ban.blocks).toBe(huge)
    bad(ban, conns, text, 9 as PieceIndex)
    expect(ban.samples.get(9 as PieceIndex)).toHaveLength(1)
    expect(ban.blocks).toBe(blocks)
  })

  it("of those who have gone is bounded, too", () => {
    const ban = SmartBan.make()
    for (let conn = 1; conn <= 3_000; conn++) SmartBan.departed(ban, sender(conn))
    expect(ban.departed.size).toBe(1_000)
    expect(ban.departed.has(3_000)).toBe(true)
  })
})
