/** `shoal create` beside other creators: the same content and options give the same info-hash, and all read the file. */
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs"
import { join } from "node:path"
import process from "node:process"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import * as Parse from "../../core/metainfo/Parse.ts"
import * as Clients from "../support/Clients.ts"
import * as Libtorrent from "../support/Libtorrent.ts"
import * as Process from "../support/Process.ts"
import * as Shoal from "../support/Shoal.ts"
import * as TempDir from "../support/TempDir.ts"

const temp = TempDir.make("create")
/** Content to make torrents of: a file, a folder of folders, a folder with one file. */
const data = temp.sub("data")
afterAll(temp.remove)

beforeAll(() => {
  const bytes = (length: number) => Uint8Array.from({ length }, (_, i) => (i * 31 + (i >> 8) * 17) & 255)
  writeFileSync(join(data, "film é.bin"), bytes(1_234_567))
  mkdirSync(join(data, "one"))
  writeFileSync(join(data, "one/f"), bytes(5))
  const nested: Readonly<Record<string, number>> = {
    "10": 40_000,
    "9": 1,
    "B/c": 100_000,
    "B side": 7,
    "a.d/x": 65_536,
    "a.txt": 3,
    "a/z/deep": 33_333,
    "Zoo.TXT": 12,
    "empty": 0,
    ".hidden/h": 2,
    "é/ü 😀": 70_000,
    "file~": 1,
  }
  for (const [path, length] of Object.entries(nested)) {
    mkdirSync(join(data, "nested", path, ".."), { recursive: true })
    writeFileSync(join(data, "nested", path), bytes(length))
  }
})

interface Options {
  readonly isPrivate?: boolean
  readonly source?: string
  readonly webSeed?: string
  readonly pieceBytes?: number
}

const TRACKER = "http://127.0.0.1:1/announce"

/** Makes a torrent and gives its info-hash. */
const shoal = async (content: string, file: string, options: Options, runtime: Shoal.Runtime = "node") => {
  await using run = Shoal.start([
    ...["create", join(data, content), "-o", file, "-t", TRACKER, "--json"],
    ...(options.pieceBytes === undefined ? [] : ["--piece-size", String(options.pieceBytes)]),
    ...(options.isPrivate === true ? ["--private"] : []),
    ...(options.source === undefined ? [] : ["--source", options.source]),
    ...(options.webSeed === undefined ? [] : ["-w", options.webSeed]),
  ], { runtime })
  const { infoHash } = await run.event("complete")
  expect(await run.end(), run.log()).toMatchObject({ code: 0 })
  return infoHash as string
}

const hashOf = (file: string): string => {
  const parsed = Parse.parse(new Uint8Array(readFileSync(file)))
  if (!parsed.ok) throw new Error(`${file}: ${parsed.error.message}`)
  return parsed.value.infoHash
}

const mktorrent = async (content: string, file: string, options: Options) => {
  await Process.run("mktorrent", [
    ...["-a", TRACKER, "-o", file, "-l", String(Math.log2(options.pieceBytes ?? 2 ** 18))],
    ...(options.isPrivate === true ? ["-p"] : []),
    ...(options.source === undefined ? [] : ["-s", options.source]),
    ...(options.webSeed === undefined ? [] : ["-w", options.webSeed]),
    join(data, content),
  ])
  return hashOf(file)
}

/**
 * libtorrent puts files in the order that the directory has on the disk, and marks executable ones: it is given the
 * files in the order of their bytes, and no attributes. A `source` it can only take afterwards.
 */
const LIBTORRENT = `
import libtorrent as lt, os, sys
root, piece, private, source, out = sys.argv[1:6]
found = [root.encode()] if os.path.isfile(root) else sorted(
  os.path.join(folder, name) for folder, _, names in os.walk(root.encode()) for name in names)
parent = os.path.dirname(root)
files = lt.file_storage()
for path in found: files.add_file(os.path.relpath(path.decode(), parent), os.path.getsize(path))
torrent = lt.create_torrent(files, int(piece), lt.create_torrent.v1_only)
if private == "1": torrent.set_priv(True)
lt.set_piece_hashes(torrent, parent)
made = torrent.generate()
if source != "": made[b"info"][b"source"] = source.encode()
open(out, "wb").write(lt.bencode(made))
`

const libtorrent = async (content: string, file: string, options: Options) => {
  await Process.run(Libtorrent.python()!, [
    ...["-c", LIBTORRENT, join(data, content), String(options.pieceBytes ?? 0)],
    ...[options.isPrivate === true ? "1" : "0", options.source ?? "", file],
  ])
  return hashOf(file)
}

const cases: ReadonlyArray<readonly [string, string, Options]> = [
  ["a file, pieces of 32 KiB", "film é.bin", { pieceBytes: 32_768 }],
  ["a file, pieces of 256 KiB", "film é.bin", { pieceBytes: 262_144 }],
  ["a file, pieces of 4 MiB", "film é.bin", { pieceBytes: 4_194_304 }],
  ["a folder with one file", "one", { pieceBytes: 32_768 }],
  ["nested folders", "nested", { pieceBytes: 32_768 }],
  ["nested folders, larger pieces", "nested", { pieceBytes: 131_072 }],
  ["private, with a source", "nested", { pieceBytes: 65_536, isPrivate: true, source: "TRK" }],
  ["private, a file, with a web seed", "film é.bin", {
    pieceBytes: 65_536,
    isPrivate: true,
    webSeed: "http://127.0.0.1:1/film",
  }],
]

describe.each(cases)("%s", (name, content, options) => {
  const dir = temp.sub(name)
  let infoHash = ""
  beforeAll(async () => {
    infoHash = await shoal(content, join(dir, "shoal.torrent"), options)
  })

  test("the info-hash is mktorrent's", async (context) => {
    Clients.skipIf(context, Clients.missing("mktorrent"))
    expect(await mktorrent(content, join(dir, "mktorrent.torrent"), options)).toBe(infoHash)
  })

  test("the info-hash is libtorrent's", async (context) => {
    Clients.skipIf(context, Libtorrent.missing())
    expect(await libtorrent(content, join(dir, "libtorrent.torrent"), options)).toBe(infoHash)
  })

  test("aria2, Transmission and shoal read it", async (context) => {
    const missing = Clients.missing("aria2c") ??
      (Process.find("transmission-show") === undefined
        ? "not installed: transmission-show (package transmission-cli)"
        : undefined)
    Clients.skipIf(context, missing)
    const file = join(dir, "shoal.torrent")
    expect(await Process.run("aria2c", ["-S", file])).toContain(`Info Hash: ${infoHash}`)
    expect(await Process.run("transmission-show", [file])).toContain(`Hash: ${infoHash}`)
    await using inspect = Shoal.start(["inspect", file, "--json"])
    expect(await inspect.end()).toMatchObject({ code: 0 })
    expect(JSON.parse(inspect.child.stdout())).toMatchObject({
      infoHash,
      private: options.isPrivate === true,
      trackers: [[TRACKER]],
      warnings: [],
    })
  })

  test("shoal on Deno makes the same", async (context) => {
    Clients.skipIf(context, Shoal.missing("deno"))
    expect(await shoal(content, join(dir, "deno.torrent"), options, "deno")).toBe(infoHash)
  })
})

test("the piece size that libtorrent chooses", async (context) => {
  Clients.skipIf(context, Libtorrent.missing())
  const dir = temp.sub("sizes")
  for (const content of ["film é.bin", "nested"]) {
    expect(await shoal(content, join(dir, `${content}.torrent`), {})).toBe(
      await libtorrent(content, join(dir, `${content}.lt.torrent`), {}),
    )
  }
})

test.for(["node", "deno"] as const)(
  "on %s, Ctrl-C ends it with 130 and leaves nothing",
  async (runtime, context) => {
    Clients.skipIf(context, Shoal.missing(runtime))
    const dir = temp.sub(`interrupted ${runtime}`)
    const out = temp.sub(`out ${runtime}`)
    // Sparse: hashing it takes minutes, storing it nothing.
    writeFileSync(join(dir, "huge"), "")
    truncateSync(join(dir, "huge"), 2 ** 40)
    await using run = Shoal.start(["create", join(dir, "huge"), "-o", join(out, "x.torrent")], { runtime })
    await run.child.line(/^\d+\.\d% hashing huge: /)
    run.child.signal("SIGINT")
    expect(await run.end(10_000)).toEqual({ code: 130, signal: null })
    expect(run.child.stderr()).toContain("interrupted; nothing was written\n")
    expect(readdirSync(out)).toEqual([])
    expect(statSync(join(dir, "huge")).size).toBe(2 ** 40)
  },
)

test("a file that may not be read is named, and nothing is written", async (context) => {
  const isRoot = process.getuid?.() === 0
  const setpriv = Process.find("setpriv")
  Clients.skipIf(
    context,
    isRoot && setpriv === undefined ? "root needs setpriv (package util-linux)" : undefined,
  )
  using place = TempDir.make("unreadable")
  chmodSync(place.path, 0o777)
  const folder = place.sub("folder")
  chmodSync(folder, 0o755)
  writeFileSync(join(folder, "secret"), "x", { mode: 0o000 })
  await using run = Shoal.start(["create", folder, "-o", join(place.path, "x.torrent")], {
    home: place.path,
    enter: isRoot ? [setpriv!, "--reuid", "65534", "--regid", "65534", "--clear-groups"] : [],
  })
  expect(await run.end(10_000)).toEqual({ code: 1, signal: null })
  expect(run.child.stderr()).toContain(`cannot read ${join(folder, "secret")}: permission denied`)
  expect(readdirSync(place.path)).toEqual(["folder"])
})
