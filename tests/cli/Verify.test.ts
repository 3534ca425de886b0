import { describe, expect, it } from "@effect/vitest"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import * as HttpClient from "@effect/platform/HttpClient"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { verdict } from "../../cli/Exit.ts"
import * as Output from "../../cli/Output.ts"
import * as Verify from "../../cli/Verify.ts"
import * as BlockStore from "../../shell/BlockStore.ts"
import * as Hasher from "../../shell/Hasher.ts"
import * as MemoryDisk from "../../shell/MemoryDisk.ts"
import { FIXTURES, jsonLines, memorySink } from "./support.ts"

/** Verifies numbers.torrent, three files in one piece, or another one, against files in memory. */
const verify = (
  files: Readonly<Record<string, Uint8Array>>,
  { isJson = false, torrent = "numbers.torrent" } = {},
) => {
  const disk = MemoryDisk.make()
  for (const [path, bytes] of Object.entries(files)) MemoryDisk.put(disk, `/data/${path}`, bytes)
  const stdout = memorySink()
  const stderr = memorySink()
  const noNetwork = Layer.succeed(
    HttpClient.HttpClient,
    HttpClient.make(() => Effect.die("no network in this test")),
  )
  return Verify.run({ data: "/data" }, join(FIXTURES, torrent)).pipe(
    Effect.provide(Layer.mergeAll(
      BlockStore.layerMemory(disk),
      Hasher.layerMemory,
      Output.layer({ stdout, stderr, isJson, isQuiet: false, isColourless: true }),
      NodeFileSystem.layer,
      NodePath.layer,
      noNetwork,
    )),
    Effect.exit,
    Effect.map((exit) => ({ exit, stdout: stdout.text, stderr: stderr.text })),
  )
}

const payload = (path: string) => new Uint8Array(readFileSync(join(FIXTURES, path)))
const numbers = () =>
  Object.fromEntries(
    ["1.txt", "2.txt", "3.txt"].map((name) => [`numbers/${name}`, payload(`numbers/${name}`)]),
  )

describe("shoal verify", () => {
  it.effect("succeeds if all is there", () =>
    Effect.gen(function* () {
      const { exit, stdout } = yield* verify(numbers())
      expect(Exit.isSuccess(exit)).toBe(true)
      expect(stdout).toBe(
        "ok       1  numbers/1.txt\nok       2  numbers/2.txt\nok       3  numbers/3.txt\n1 of 1 piece verified\n",
      )
    }))

  it.effect("prints one JSON object, numbered as inspect does", () =>
    Effect.gen(function* () {
      const { stdout } = yield* verify(numbers(), { isJson: true })
      expect(jsonLines(stdout)).toMatchObject([{
        event: "complete",
        ok: true,
        pieces: 1,
        piecesOk: 1,
        files: [
          { index: 1, path: "numbers/1.txt", ok: true },
          { index: 2, path: "numbers/2.txt", ok: true },
          { index: 3, path: "numbers/3.txt", ok: true },
        ],
      }])
    }))

  it.effect("a missing file is bad, not an error, and the JSON stays one object", () =>
    Effect.gen(function* () {
      const { "numbers/2.txt": _, ...rest } = numbers()
      const { exit, stdout } = yield* verify(rest, { isJson: true })
      expect(jsonLines(stdout)).toMatchObject([
        {
          ok: false,
          piecesOk: 0,
          files: [{ missing: false }, { ok: false, missing: true }, { missing: false }],
        },
      ])
      expect(Exit.isFailure(exit) && verdict(exit.cause)).toEqual({
        code: 1,
        error: undefined,
        lines: ["shoal: numbers: 3 of 3 files incomplete or damaged; 'shoal download' fetches what is wrong"],
      })
    }))

  it.effect("a damaged byte costs its file, and says how many pieces are right", () =>
    Effect.gen(function* () {
      const path = "Leaves of Grass by Walt Whitman.epub"
      const bytes = payload(path)
      bytes[100_000]! ^= 1
      const { exit, stdout } = yield* verify({ [path]: bytes }, { torrent: "leaves.torrent" })
      expect(Exit.isFailure(exit)).toBe(true)
      expect(stdout).toBe(`bad      1  ${path}\n22 of 23 pieces verified\n`)
    }))

  it.effect("nothing at all is bad, too", () =>
    Effect.gen(function* () {
      const { stdout } = yield* verify({}, { torrent: "leaves.torrent" })
      expect(stdout).toMatch(/^missing {2}1 {2}Leaves.*\n0 of 23 pieces verified\n$/)
    }))

  it.effect("files that were not selected keep their share of border pieces in the parts file", () =>
    Effect.gen(function* () {
      const { "numbers/2.txt": unselected, ...rest } = numbers()
      const infoHash = "89d97c2261a21b040cf11caa661a3ba7233bb7e6"
      const parts = new Uint8Array(1 + unselected!.length)
      parts.set(unselected!, 1)
      const { exit, stdout } = yield* verify({ ...rest, [`.shoal/${infoHash}.parts`]: parts })
      expect(stdout).toBe(
        "ok       1  numbers/1.txt\nmissing  2  numbers/2.txt\nok       3  numbers/3.txt\n1 of 1 piece verified\n",
      )
      expect(Exit.isFailure(exit)).toBe(true)
    }))
})
