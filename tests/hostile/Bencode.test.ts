/** Bad inputs 1 to 14: bytes that are no bencoding, or one that is meant to exhaust its reader. */
import { Buffer } from "node:buffer"
import { createHash } from "node:crypto"
import process from "node:process"
import { expect, vi } from "vitest"
import * as Decode from "../../core/bencode/Decode.ts"
import * as Value from "../../core/bencode/Value.ts"
import * as Krpc from "../../core/dht/Krpc.ts"
import * as Parse from "../../core/metainfo/Parse.ts"
import * as Corpora from "../support/Corpora.ts"
import { row } from "./Row.ts"
import { accepted, bytes, single, verdict, within } from "./Torrent.ts"

vi.setConfig({ testTimeout: 60_000 })

/** What a `.torrent` file holds, and how it is refused. */
type Cases = ReadonlyArray<readonly [text: string, expected: string]>

const each = (cases: Cases, check: (title: string, body: () => void) => void): void => {
  for (const [text, expected] of cases) {
    const shown = text.length > 30 ? `${text.slice(0, 30)}… (${text.length} bytes)` : text
    check(`${JSON.stringify(shown)} -> ${expected}`, () => {
      expect(within(1_000, () => verdict(bytes(text)))).toBe(expected)
    })
  }
}

each([
  ["", "Empty"],
  [" ", "UnexpectedByte at 0"],
  ["\n", "UnexpectedByte at 0"],
  ["<!doctype html>", "UnexpectedByte at 0"],
], (title, body) => row(1, title, body))

each([
  ["d-3:abci1ee", "BadLength at 1"],
  ["-10:foobar", "BadLength at 0"],
  ["d1:a-10:foobare", "BadLength at 4"],
], (title, body) => row(2, title, body))

each([
  ["9:ab", "Truncated at 0"],
  ["100:ab", "Truncated at 0"],
  ["d4:info9:abe", "Truncated at 7"],
], (title, body) => row(3, title, body))

each([
  ["18446744073709551615:x", "Truncated at 0"],
  ["9999999999:", "Truncated at 0"],
  ["4294967296:x", "Truncated at 0"],
  [`${"9".repeat(1_000_000)}:x`, "Truncated at 0"],
], (title, body) => row(4, title, body))

// Refused and not only warned of: no file of the corpora has such a length, and info-hashes are over exact bytes.
each([
  ["06:foobar", "NonCanonicalLength at 0"],
  ["00:", "NonCanonicalLength at 0"],
  ["d04:infodee", "NonCanonicalLength at 1"],
], (title, body) => row(5, title, body))

each([
  ["i-0e", "BadInteger at 0"],
  ["i01e", "BadInteger at 0"],
  ["ie", "BadInteger at 0"],
  ["i-e", "BadInteger at 0"],
  ["i+1e", "BadInteger at 0"],
  ["i1.0e", "BadInteger at 0"],
  ["i 1e", "BadInteger at 0"],
  ["i1", "Truncated at 2"],
], (title, body) => row(6, title, body))

for (const digits of ["9223372036854775808", "9007199254740992", "9".repeat(400)]) {
  const shown = digits.length > 20 ? `${digits.length} digits` : digits
  row(7, `i${shown}e -> read exactly, refused by every field`, () => {
    const read = Decode.decode(bytes(`i${digits}e`))
    expect(read.ok && read.value).toMatchObject({ _tag: "Integer", value: BigInt(digits) })
    expect(read.ok && Value.integer(read.value)).toBeUndefined()
    // The tests' own bencoder writes no such number.
    const withNumber = (key: string, other: string) =>
      bytes(`d4:infod${other}${key.length}:${key}i${digits}eee`)
    expect(verdict(withNumber("length", "4:name1:a12:piece lengthi16384e6:pieces20:xxxxxxxxxxxxxxxxxxxx")))
      .toBe("BadFileLength")
    expect(verdict(withNumber("piece length", "6:lengthi1e4:name1:a6:pieces20:xxxxxxxxxxxxxxxxxxxx")))
      .toBe("BadPieceLength")
    expect(verdict(withNumber("meta version", "6:lengthi1e4:name1:a"))).toBe("UnsupportedVersion")
  })
}
row(7, "i with a million digits -> BadInteger after the first thousand", () => {
  expect(within(1_000, () => verdict(bytes(`i${"9".repeat(1_000_000)}e`)))).toBe("BadInteger at 0")
})

row(8, "l x 100,000 -> DepthExceeded at depth 100", () => {
  expect(within(1_000, () => verdict(bytes("l".repeat(100_000))))).toBe("DepthExceeded at 101")
})
row(8, "d1:a x 50,000 -> DepthExceeded at depth 100", () => {
  expect(within(1_000, () => verdict(bytes("d1:a".repeat(50_000))))).toBe("DepthExceeded at 401")
})
row(8, "ten thousand lists of depth 100 -> read without a stack of calls", () => {
  const deep = `l${("l".repeat(98) + "e".repeat(98)).repeat(10_000)}e`
  expect(within(5_000, () => verdict(bytes(deep)))).toBe("NotADictionary")
})

row(9, "10^7 empty lists -> TokenLimit at 3,000,000, and no object made of any", () => {
  const flood = bytes(`l${"le".repeat(5_000_000)}e`)
  expect(verdict(flood)).toBe("TokenLimit at 5999999")
  const twice = bytes(`l${"le".repeat(10_000_000)}e`)
  expect(verdict(twice, { maxBytes: twice.length })).toBe("TokenLimit at 5999999")
  const before = process.memoryUsage()
  expect(within(3_000, () => verdict(flood))).toBe("TokenLimit at 5999999")
  const after = process.memoryUsage()
  // 12 bytes a token, and what the doubling left behind.
  expect(after.heapUsed - before.heapUsed).toBeLessThan(40_000_000)
})
row(
  9,
  "the most that is allowed, of every kind, where nothing wants it -> ignored, with no object made of it",
  () => {
    for (
      const [unit, count] of [["le", 2_900_000], ["de", 2_900_000], ["0:", 2_900_000], [
        "i0e",
        2_900_000,
      ]] as const
    ) {
      const [start, end] = [
        "d4:infod6:lengthi1e4:name1:a12:piece lengthi16384e6:pieces20:xxxxxxxxxxxxxxxxxxxxe1:zl",
        "ee",
      ]
      const torrent = bytes(start + unit.repeat(count) + end)
      const before = process.memoryUsage().heapUsed
      expect(within(3_000, () => verdict(torrent)), unit).toBe("ok")
      expect(process.memoryUsage().heapUsed - before, unit).toBeLessThan(40_000_000)
    }
  },
)

row(10, "a key twice -> DuplicateKey, next to each other or not, sorted or not", () => {
  expect(verdict(bytes("d4:infode4:infodee"))).toBe("DuplicateKey at 9")
  expect(verdict(bytes("d4:infod6:pieces0:6:pieces0:ee"))).toBe("DuplicateKey at 18")
  expect(verdict(bytes("d1:b0:1:a0:1:b0:e"))).toBe("DuplicateKey at 11")
  expect(verdict(bytes("d1:a0:1:c0:1:b0:1:c0:e"))).toBe("DuplicateKey at 16")
})
row(10, "half a million keys out of order, the last one twice -> DuplicateKey in linear time", () => {
  let text = "d"
  for (let i = 500_000; i > 0; i--) text += `6:${String(i + 99_999).slice(0, 6)}0:`
  expect(within(8_000, () => verdict(bytes(`${text}6:1000000:e`)))).toMatch(/^DuplicateKey/)
})

row(
  11,
  "keys of info out of order in version 1 -> accepted with a warning, the hash over the bytes as they are",
  () => {
    const info = "d4:name1:a6:lengthi1e12:piece lengthi16384e6:pieces20:xxxxxxxxxxxxxxxxxxxxe"
    const torrent = accepted(bytes(`d4:info${info}e`))
    expect(torrent.warnings).toContain("the keys of info are not sorted")
    expect(torrent.infoHash).toBe(createHash("sha1").update(bytes(info)).digest("hex"))
  },
)

row(12, "bytes after a .torrent file -> accepted with a warning that counts them", () => {
  const whole = single()
  for (const after of ["\n", "e", "d1:a0:e", "\0".repeat(1_000)]) {
    const torrent = accepted(Buffer.concat([whole, bytes(after)]))
    expect(torrent.warnings).toEqual([`bytes after the end, ignored: ${after.length}`])
    expect(torrent.infoHash).toBe(accepted(whole).infoHash)
  }
})
row(12, "bytes after metadata from peers, after a DHT message -> refused", () => {
  const info = accepted(single()).infoBytes
  expect(Parse.parseInfo(Buffer.concat([info, bytes("e")]))).toMatchObject({
    ok: false,
    error: { reason: "TrailingBytes" },
  })
  const ping = "d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:aa1:y1:qe"
  expect(Krpc.decode(bytes(ping)).ok).toBe(true)
  expect(Krpc.decode(bytes(`${ping}\n`)).ok).toBe(false)
})

row(13, "the keys __proto__, constructor, toString -> ordinary keys that change nothing", () => {
  const keys = "9:__proto__d7:isAdmini1ee11:constructori2e8:toStringi3e"
  const read = Decode.decode(bytes(`d${keys}e`))
  expect(read.ok && [...Value.dict(read.value)!.entries.keys()]).toEqual([
    "__proto__",
    "constructor",
    "toString",
  ])
  expect(read.ok && Value.get(read.value, "hasOwnProperty")).toBeUndefined()
  const torrent = accepted(single({ ["__proto__x"]: 1 }, { constructor: { prototype: { polluted: 1 } } }))
  expect(torrent.name).toBe("a")
  expect(({} as Record<string, unknown>)["isAdmin"]).toBeUndefined()
  expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined()
})

row(14, "keys that are no UTF-8 -> kept apart by their bytes", () => {
  const read = Decode.decode(bytes("d2:\xc3\xa9i1e2:\xff\xfei2e2:\xff\xffi3ee"))
  const valueOf = (key: string) => read.ok && Value.integer(Value.get(read.value, key))
  expect([valueOf("\xc3\xa9"), valueOf("\xff\xfe"), valueOf("\xff\xff")]).toEqual([1, 2, 3])
  expect(accepted(single({ "\xff\xfe": 1 })).infoHash).not.toBe(accepted(single({ "\xff\xff": 1 })).infoHash)
})

Corpora.describeWithCorpora("other clients' files", () => {
  const file = (name: string) => Corpora.read("libtorrent", "test", "test_torrents", name)

  row(8, "v2_deep_recursion.torrent -> DepthExceeded", () => {
    expect(verdict(file("v2_deep_recursion.torrent"))).toMatch(/^DepthExceeded/)
  })
  row(11, "v2_unordered_files.torrent -> refused, as version 2 has one order", () => {
    const parsed = Parse.parseAny(file("v2_unordered_files.torrent"))
    expect(parsed).toMatchObject({ ok: false, error: { reason: "UnsortedKeys" } })
  })
})
