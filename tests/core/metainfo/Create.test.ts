import { describe, expect, it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import { Buffer } from "node:buffer"
import { toLatin1, utf8 } from "../../../core/base/Bytes.ts"
import { sha1 } from "../../../core/base/Sha1.ts"
import { VERSION } from "../../../core/base/Version.ts"
import * as Create from "../../../core/metainfo/Create.ts"
import * as Parse from "../../../core/metainfo/Parse.ts"

const hashes: Create.Hashes = { pieceBytes: 16_384, pieceHashes: utf8("h".repeat(20)) }
const plain: Create.Options = { trackers: [], webSeeds: [], isPrivate: false }
const single: Create.Content = { name: "a.txt", isDirectory: false, files: [{ path: "a.txt", bytes: 7 }] }
const folder: Create.Content = {
  name: "d",
  isDirectory: true,
  files: [{ path: "x/é", bytes: 0 }, { path: "y", bytes: 3 }],
}

const SHOAL = `shoal ${VERSION}`
const CREATED_BY = `10:created by${SHOAL.length}:${SHOAL}`
const PIECES = `12:piece lengthi16384e6:pieces20:${"h".repeat(20)}`
const text = (content: Create.Content, options: Partial<Create.Options> = {}) =>
  toLatin1(Create.encode(content, hashes, { ...plain, ...options }))

describe("encode", () => {
  it("a single file has a length", () => {
    expect(text(single)).toBe(`d${CREATED_BY}4:infod6:lengthi7e4:name5:a.txt${PIECES}ee`)
  })

  it("a folder has a list of files, in their order, even if of one", () => {
    expect(text(folder)).toBe(
      `d${CREATED_BY}4:infod5:filesld6:lengthi0e4:pathl1:x2:Ã©eed6:lengthi3e4:pathl1:yeee4:name1:d${PIECES}ee`,
    )
    expect(text({ ...folder, files: [{ path: "y", bytes: 3 }] })).toContain(
      "5:filesld6:lengthi3e4:pathl1:yeee",
    )
  })

  it("private and source stand in info", () => {
    expect(text(single, { isPrivate: true, source: "ABC" })).toBe(
      `d${CREATED_BY}4:infod6:lengthi7e4:name5:a.txt${PIECES}7:privatei1e6:source3:ABCee`,
    )
  })

  it("comment and date stand outside of it", () => {
    expect(text(single, { comment: "hi", creationDate: 1_700_000_000 })).toBe(
      `d7:comment2:hi${CREATED_BY}13:creation datei1700000000e4:infod6:lengthi7e4:name5:a.txt${PIECES}ee`,
    )
  })

  const announced: ReadonlyArray<readonly [string, Create.Options["trackers"], string]> = [
    ["one tracker needs no list", [["http://a"]], "d8:announce8:http://a10:created"],
    [
      "tiers",
      [["http://a"], ["http://b", "http://c"]],
      "d8:announce8:http://a13:announce-listll8:http://ael8:http://b8:http://cee10:created",
    ],
    [
      "two of one tier",
      [["http://a", "http://b"]],
      "d8:announce8:http://a13:announce-listll8:http://a8:http://bee10:created",
    ],
    ["what is there twice once", [["http://a"], ["http://a"]], "d8:announce8:http://a10:created"],
    ["no tracker", [[]], "d10:created"],
  ]
  it.each(announced)("announce: %s", (_, trackers, start) => {
    expect(text(single, { trackers }).slice(0, start.length)).toBe(start)
  })

  it("one web seed is a text, several are a list", () => {
    expect(text(single, { webSeeds: ["http://w"] })).toMatch(/e8:url-list8:http:\/\/we$/)
    expect(text(single, { webSeeds: ["http://w", "http://v", "http://w"] })).toMatch(
      /e8:url-listl8:http:\/\/w8:http:\/\/vee$/,
    )
  })

  it("the info-hash is that of encodeInfo", () => {
    const options = { ...plain, isPrivate: true, source: "x" }
    const parsed = Parse.parse(Create.encode(folder, hashes, options))
    expect(parsed.ok && parsed.value.infoHashBytes).toEqual(sha1(Create.encodeInfo(folder, hashes, options)))
  })

  // Never a name that Windows keeps for a device.
  const name = fc.stringMatching(/^z[a-zA-Z0-9é😀_-]{0,12}$/u)
  const content = fc.oneof(
    fc.tuple(name, fc.integer({ min: 1, max: 2 ** 30 })).map(([name, bytes]): Create.Content => ({
      name,
      isDirectory: false,
      files: [{ path: name, bytes }],
    })),
    fc.tuple(
      name,
      fc.uniqueArray(fc.record({ path: name, bytes: fc.integer({ min: 1, max: 2 ** 30 }) }), {
        minLength: 1,
        maxLength: 10,
        selector: ({ path }) => path.toLowerCase(),
      }),
    ).map(([name, files]): Create.Content => ({
      name,
      isDirectory: true,
      // Folders of their own, so that no name is taken.
      files: files.map(({ path, bytes }, index) => ({ path: `${index}/${path}`, bytes })),
    })),
  )
  const url = fc.integer({ min: 1, max: 9 }).map((n) => `http://t${n}.example/a`)
  const options = fc.record({
    trackers: fc.array(fc.array(url, { maxLength: 3 }), { maxLength: 3 }),
    webSeeds: fc.uniqueArray(url),
    isPrivate: fc.boolean(),
    source: fc.option(name, { nil: undefined }),
    comment: fc.option(name, { nil: undefined }),
    creationDate: fc.option(fc.nat(), { nil: undefined }),
  })
  it.prop("what is parsed is what was given", [content, options], ([content, options]) => {
    const totalBytes = content.files.reduce((sum, { bytes }) => sum + bytes, 0)
    const pieceBytes = 2 ** Math.max(14, Math.ceil(Math.log2(totalBytes / 100)))
    const pieceHashes = new Uint8Array(Math.ceil(totalBytes / pieceBytes) * 20).fill(7)
    const parsed = Parse.parse(Create.encode(content, { pieceBytes, pieceHashes }, options))
    if (!parsed.ok) throw new Error(parsed.error.message)
    const metainfo = parsed.value
    expect(metainfo.warnings).toEqual([])
    expect(metainfo.name).toBe(content.name)
    expect(metainfo.files.map(({ path, bytes }) => ({ path, bytes }))).toEqual(
      content.files.map(({ path, bytes }) => ({
        path: content.isDirectory ? `${content.name}/${path}` : path,
        bytes,
      })),
    )
    expect(metainfo.geometry.pieceBytes).toBe(pieceBytes)
    expect(metainfo.pieceHashes).toEqual(pieceHashes)
    expect(metainfo.isPrivate).toBe(options.isPrivate)
    expect(metainfo.trackers.flat()).toEqual([...new Set(options.trackers.flat())])
    expect(metainfo.webSeeds).toEqual(options.webSeeds.map((url) => content.isDirectory ? `${url}/` : url))
    expect([metainfo.source, metainfo.comment, metainfo.creationDate]).toEqual(
      [options.source, options.comment, options.creationDate],
    )
    expect(metainfo.createdBy).toBe(SHOAL)
  })
})

describe("inOrder", () => {
  const sorted = (paths: ReadonlyArray<string>) =>
    Create.inOrder(paths.map((path) => ({ path, bytes: 0 }))).map(({ path }) => path)

  // What mktorrent 1.1 makes of such a folder.
  it("by the bytes of whole paths: digits, capitals, small letters, the rest; a dot before what lies below", () => {
    const paths = [
      ".DS_Store",
      ".hidden",
      ".hiddendir/h",
      "10",
      "9",
      "B",
      "B dir/q",
      "Sub.x",
      "Sub/deep/f",
      "Z",
      "a.d/x",
      "a.txt",
      "a/z",
      "empty",
      "file~",
      "z",
      "é/ü",
      "\ufffd",
      "😀",
    ]
    expect(sorted([...paths].reverse())).toEqual(paths)
  })

  it.prop("the order of the bytes in UTF-8, whatever the order before", [
    fc.uniqueArray(fc.string({ unit: "binary" })),
  ], ([paths]) => {
    const expected = [...paths].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    expect(sorted(paths)).toEqual(expected)
    expect(sorted([...paths].reverse())).toEqual(expected)
  })
})
