/** What the command line makes of torrents of version 2 (BEP 52). */
import { describe, expect, it } from "@effect/vitest"
import { createHash } from "node:crypto"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import * as Inspect from "../../cli/Inspect.ts"
import * as Bytes from "../../core/base/Bytes.ts"
import * as Encode from "../../core/bencode/Encode.ts"
import * as Parse from "../../core/metainfo/Parse.ts"
import * as V2 from "../support/V2.ts"
import { build } from "./Binary.ts"
import { execute, jsonLines, withFolder } from "./support.ts"

const parse = (bytes: Uint8Array) => {
  const parsed = Parse.parseAny(bytes)
  if (!parsed.ok) throw new Error(parsed.error.message)
  return parsed.value
}

const json = (bytes: Uint8Array) => JSON.parse(JSON.stringify(Inspect.toJson(parse(bytes))))

const sha256 = (fields: V2.Fields): string => createHash("sha256").update(Encode.encode(fields)).digest("hex")
const root = (content: Uint8Array): string => Bytes.toHex(V2.root(content))

describe("shoal inspect", () => {
  it("gives scripts both hashes, the roots, and whether their layers are there", () => {
    const large = { path: "t/large", length: 100_000, piecesRoot: root(V2.LARGE), hasPieceLayer: true }
    const small = { path: "t/small", length: 10, piecesRoot: root(V2.SMALL) }
    const infoHashV2 = sha256(V2.INFO)
    expect(json(V2.torrent())).toEqual({
      name: "t",
      infoHash: infoHashV2.slice(0, 40),
      infoHashV2,
      versions: [2],
      totalLength: 100_010,
      pieceLength: V2.PIECE,
      pieceCount: 5,
      private: false,
      trackers: [],
      webSeeds: [],
      files: [{ index: 1, ...large }, { index: 2, ...small }],
      warnings: [],
    })
    expect(json(V2.torrent({}, { "piece layers": {} })).files[0].hasPieceLayer).toBe(false)
    const hybrid = { ...V2.INFO, ...V2.V1 }
    expect(json(V2.torrent(V2.V1))).toMatchObject({
      infoHash: createHash("sha1").update(Encode.encode(hybrid)).digest("hex"),
      infoHashV2: sha256(hybrid),
      versions: [1, 2],
      // A padding file has number 2.
      files: [{ index: 1, ...large }, { index: 3, ...small }],
    })
  })

  it("shows people the hashes that there are", () => {
    const alone = Inspect.toText(parse(V2.torrent()))
    expect(alone).toContain(`info-hash v2  ${sha256(V2.INFO)}\n`)
    expect(alone).not.toMatch(/info-hash {2}/)
    const both = Inspect.toText(parse(V2.torrent(V2.V1)))
    expect(both).toMatch(/^info-hash {5}[0-9a-f]{40}$/m)
    expect(both).toMatch(/^info-hash v2 {2}[0-9a-f]{64}$/m)
  })
})

describe("a torrent of version 2 alone", () => {
  const { command } = build()

  it("is shown by inspect, and so is a link to it", () =>
    withFolder(async (folder) => {
      const path = join(folder, "t.torrent")
      writeFileSync(path, V2.torrent())
      const infoHashV2 = sha256(V2.INFO)
      const both = { infoHash: infoHashV2.slice(0, 40), infoHashV2 }
      const link = `magnet:?xt=urn:btmh:1220${infoHashV2}`
      for (const source of [path, link]) {
        const { code, stdout } = await execute([...command("node"), "inspect", source, "--json"])
        expect(jsonLines(stdout)).toMatchObject([both])
        expect(code).toBe(0)
      }
      const { stdout } = await execute([...command("node"), "inspect", link])
      expect(stdout).toContain(`info-hash v2  ${infoHashV2}\n`)
      expect(stdout).not.toContain("info-hash  ")
    }), 60_000)

  it.each(["download", "seed", "verify", "announce"])(
    "is refused by %s in one line, and by name",
    (name) =>
      withFolder(async (folder) => {
        const path = join(folder, "t.torrent")
        writeFileSync(path, V2.torrent())
        const { code, stderr, stdout } = await execute([...command("node"), name, path, "--json"])
        expect(stderr).toMatch(/^[^\n]*t\.torrent is of version 2 alone \(BEP 52\)[^\n]*\n$/)
        expect(jsonLines(stdout).at(-1)).toMatchObject({ event: "error", reason: "unsupported" })
        expect(code).toBe(1)
      }),
    60_000,
  )
})
