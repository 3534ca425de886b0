import { describe, expect, it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import { toHex } from "../../../core/base/Bytes.ts"
import * as Access from "../../../core/tracker/Access.ts"
import { id } from "./ServerScene.ts"

const NOT_SERVED = "this tracker does not serve this torrent"

describe("access", () => {
  it("is everyone's to everything where nothing is said", () => {
    expect(Access.refusal(Access.OPEN, id(1), undefined)).toBeUndefined()
    expect(Access.refusal(Access.OPEN, id(1), "a-key")).toBeUndefined()
  })

  it("is to what is on a list of allowed torrents, and not on that of denied ones", () => {
    const allowed = new Set([toHex(id(1)), toHex(id(2))])
    const denied = new Set([toHex(id(2)), toHex(id(3))])
    const refused = (access: Partial<Access.Access>) =>
      [1, 2, 3, 4].filter((n) =>
        Access.refusal({ ...Access.OPEN, ...access }, id(n), undefined) === NOT_SERVED
      )
    expect(refused({ allowed })).toEqual([3, 4])
    expect(refused({ denied })).toEqual([2, 3])
    expect(refused({ allowed, denied })).toEqual([2, 3, 4])
    expect(refused({ allowed: new Set() })).toEqual([1, 2, 3, 4])
  })

  it("is for those with a key where there are keys", () => {
    const access = { ...Access.OPEN, keys: new Set(["abc"]) }
    expect(Access.refusal(access, id(1), "abc")).toBeUndefined()
    expect(Access.refusal(access, id(1), "ABC")).toBe("this tracker does not know your key")
    expect(Access.refusal(access, id(1), undefined)).toBe("this tracker is private: its URL needs your key")
    expect(Access.keyRefusal({ ...access, keys: new Set() }, "abc")).toBeDefined()
  })
})

describe("a route", () => {
  it.each([
    ["/announce", "announce", undefined],
    ["/scrape", "scrape", undefined],
    ["/announce/Ab_9-", "announce", "Ab_9-"],
    ["/scrape/k", "scrape", "k"],
    [`/announce/${"k".repeat(64)}`, "announce", "k".repeat(64)],
  ])("%s", (path, action, key) => expect(Access.route(path)).toEqual({ action, key }))

  it.each([
    "",
    "/",
    "announce",
    "/announce/",
    "/announcer",
    "/announce.php",
    "/announce/a/b",
    "/announce/a%20b",
    "/announce/../x",
    "/scrape/é",
    "/announce/a\n",
    "/x/announce",
    "/stats",
    `/announce/${"k".repeat(65)}`,
  ])("%j is none", (path) => expect(Access.route(path)).toBeUndefined())

  it.prop("never throws", { path: fc.string() }, ({ path }) => {
    Access.route(path)
    Access.route(`/announce/${path}`)
  })
})

describe("a list", () => {
  it("of torrents takes both forms, comments, blanks and either line end", () => {
    const text = `# ours\n${toHex(id(1)).toUpperCase()}\r\n\n  ${
      toHex(id(2))
    } # the second\nAAAQEAYEAUDAOCAJBIFQYDIOB4IBCEQT\n`
    expect(Access.parseInfoHashes(text)).toEqual({
      ok: true,
      value: new Set([toHex(id(1)), toHex(id(2)), "000102030405060708090a0b0c0d0e0f10111213"]),
    })
    expect(Access.parseInfoHashes("")).toEqual({ ok: true, value: new Set() })
  })

  it("tells the line that it can't read", () => {
    expect(Access.parseInfoHashes(`\n${toHex(id(1))}\nabc # x\n`)).toEqual({
      ok: false,
      error: { line: 3, text: "abc" },
    })
    expect(Access.parseKeys("one\ntwo words")).toEqual({ ok: false, error: { line: 2, text: "two words" } })
  })

  it("of keys has what a URL may carry", () => {
    expect(Access.parseKeys("one\n#two\nThree-3_\n")).toEqual({
      ok: true,
      value: new Set(["one", "Three-3_"]),
    })
  })
})
