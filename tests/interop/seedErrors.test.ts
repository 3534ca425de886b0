/** Seeding data that is not what the torrent says, or can't be read, or changes: what is told, and what others get of it. */
import { Buffer } from "node:buffer"
import { chmodSync, closeSync, cpSync, openSync, readSync, rmSync, truncateSync, writeSync } from "node:fs"
import { createServer } from "node:net"
import type { AddressInfo } from "node:net"
import { dirname, join } from "node:path"
import process from "node:process"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import * as Clients from "../support/Clients.ts"
import * as Libtorrent from "../support/Libtorrent.ts"
import * as Process from "../support/Process.ts"
import * as Shoal from "../support/Shoal.ts"
import * as Swarm from "../support/Swarm.ts"
import * as TempDir from "../support/TempDir.ts"
import * as Torrents from "../support/Torrents.ts"

const temp = TempDir.make("seed-errors")
let small: Torrents.TestTorrent
let nested: Torrents.TestTorrent
beforeAll(async () => {
  small = await Torrents.small(temp.sub("small"), 2_000_000)
  nested = await Torrents.nested(temp.sub("nested"))
})
afterAll(temp.remove)

/** A copy of a torrent's data that a test may spoil. */
const copyOf = (torrent: Torrents.TestTorrent, place: TempDir.TempDir): string => {
  const data = place.sub("data")
  cpSync(torrent.dataDir, data, { recursive: true })
  return data
}

const flip = (path: string, offset: number): void => {
  const file = openSync(path, "r+")
  const byte = Buffer.alloc(1)
  readSync(file, byte, 0, 1, offset)
  byte[0]! ^= 0xff
  writeSync(file, byte, 0, 1, offset)
  closeSync(file)
}

/** The pieces that bytes `from` to `to` (exclusive) of this file lie in. */
const piecesOf = (
  torrent: Torrents.TestTorrent,
  path: string,
  from = 0,
  to = torrent.files.find((file) => file.path === path)!.length,
): ReadonlyArray<number> => {
  let start = 0
  for (const file of torrent.files) {
    if (file.path === path) break
    start += file.length
  }
  const first = Math.floor((start + from) / torrent.pieceLength)
  const last = Math.floor((start + to - 1) / torrent.pieceLength)
  return Array.from({ length: last - first + 1 }, (_, index) => first + index)
}

/** It fails with 1 and one line, and prints only JSON on stdout. */
const fails = async (run: Shoal.Run, message: RegExp): Promise<Shoal.Event> => {
  expect(await run.end(20_000), run.log()).toEqual({ code: 1, signal: null })
  expect(run.strays, run.log()).toEqual([])
  expect(run.child.stderr(), run.log()).toMatch(/^shoal: [^\n]+\n$/)
  expect(run.child.stderr()).toMatch(message)
  const last = run.events.at(-1)!
  expect(last, run.log()).toMatchObject({ event: "error" })
  return last
}

/** What libtorrent has got once it has this many pieces: which ones are missing. */
const missingAt = async (
  leecher: Libtorrent.StayingLeecher,
  pieces: number,
  run: Shoal.Run,
): Promise<ReadonlyArray<number>> => {
  const [, missing] = await leecher.has(pieces).catch((error: Error) => {
    throw new Error(`${error.message}\n${run.log()}`)
  })
  return missing
}

describe.each(["node", "deno"] as const)("on %s", (runtime) => {
  test("one wrong byte, a missing and a short file: told by name, and all that is right is given", async (context) => {
    Clients.skipIf(context, Libtorrent.missing() ?? Shoal.missing(runtime))
    using place = TempDir.make("faulty")
    const data = copyOf(nested, place)
    const [wrong, missing, short] = [
      "nested/a/b/c/d/e/deep.bin",
      "nested/héllo/wörld — ☃.txt",
      "nested/a/b/two pieces",
    ]
    flip(join(data, wrong), 1_500_000)
    rmSync(join(data, missing))
    truncateSync(join(data, short), 70_000)
    const bad = [
      ...new Set([
        ...piecesOf(nested, wrong, 1_500_000, 1_500_001),
        ...piecesOf(nested, missing),
        ...piecesOf(nested, short, 70_000),
      ]),
    ].sort((a, b) => a - b)

    await using run = await Swarm.seed(nested, { runtime, data, home: place.sub("home") })
    const faulty = await run.event("faulty")
    const files = faulty["files"] as ReadonlyArray<{ readonly path: string; readonly problem: string }>
    const problems = Object.fromEntries(files.map(({ path, problem }) => [path, problem]))
    expect(problems).toMatchObject({ [wrong]: "different", [missing]: "missing", [short]: "short" })
    // others are named only because they share a piece with one of these
    for (const { path, problem } of files) {
      if (![wrong, missing, short].includes(path)) expect(problem, path).toBe("unverifiable")
      else continue
      expect(piecesOf(nested, path).some((piece) => bad.includes(piece)), path).toBe(true)
    }
    expect(await run.event("started")).toMatchObject({ piecesHave: nested.pieceCount - bad.length })

    await using leecher = await Libtorrent.leech(nested, place.sub("out"), [run.address])
    expect(await missingAt(leecher, nested.pieceCount - bad.length, run)).toEqual(bad)
    await leecher.leave()
    // the folder is as it was: nothing was mended, nothing created
    expect(TempDir.list(data)).not.toContain(missing)
    expect(await Swarm.interrupt(run), run.log()).toEqual({ code: 130, signal: null })
    expect(run.events.at(-1)!["uploaded"]).toBeLessThan(nested.totalLength)
  })

  test("nothing that is right: exit 1 and one line", async (context) => {
    Clients.skipIf(context, Shoal.missing(runtime))
    using place = TempDir.make("nothing")
    const options = { runtime, home: place.sub("home") }
    const args = (data: string) => [...Swarm.seedArgs(small, { data }), "--json"]
    await using empty = Shoal.start(args(place.sub("empty")), options)
    expect((await fails(empty, /none of its files is in .*empty/))["reason"]).toBe("NothingToSeed")
    await using absent = Shoal.start(args(join(place.path, "absent")), options)
    expect((await fails(absent, /none of its files is in .*absent/))["reason"]).toBe("NothingToSeed")
    const other = place.sub("other")
    Torrents.writeData(join(other, small.name), small.totalLength, "somebody else's")
    await using wrong = Shoal.start(args(other), options)
    expect((await fails(wrong, /no piece of what is in .*other is right/))["reason"]).toBe("NothingToSeed")
    expect(TempDir.list(other)).toEqual([small.name])
  })

  test("a port that is taken: exit 1 and one line", async (context) => {
    Clients.skipIf(context, Shoal.missing(runtime))
    using place = TempDir.make("port")
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
    try {
      const { port } = server.address() as AddressInfo
      await using run = Shoal.start(
        ["seed", small.file, "--data", small.dataDir, "--bind", "127.0.0.1", "--port", `${port}`, "--json"],
        { runtime, home: place.sub("home") },
      )
      const error = await fails(run, new RegExp(`${port}.*taken|in use`, "i"))
      expect(error["reason"]).toBe("AddressInUse")
    } finally {
      server.close()
    }
  })

  test("a file that gets shorter while it is seeded: noticed, and said by name", async (context) => {
    Clients.skipIf(context, Libtorrent.missing() ?? Shoal.missing(runtime))
    using place = TempDir.make("shrunk")
    const data = copyOf(small, place)
    await using run = await Swarm.seed(small, { runtime, data, home: place.sub("home") })
    truncateSync(join(data, small.name), 1_000_000)
    await using leecher = await Libtorrent.leech(small, place.sub("out"), [run.address])
    await fails(run, /cannot read .*small\.bin: it is not there, or shorter than it should be/)
    // what it got before is right
    await leecher.leave()
    expect(leecher.log()).not.toMatch(/hash.*fail/i)
  })
})

test("in words for people: which files are not right", async () => {
  using place = TempDir.make("words")
  const data = copyOf(nested, place)
  rmSync(join(data, "nested/a/b/c/d/e/deep.bin"))
  await using run = Shoal.start(Swarm.seedArgs(nested, { data }), { home: place.sub("home") })
  await run.child.line(/^seeding nested, listening on 127\.0\.0\.1:\d+$/)
  expect(run.child.stderr()).toMatch(
    /^warning: seeding what is right of nested: \d+ of 40 files; .*deep\.bin is missing/m,
  )
  expect(await Swarm.interrupt(run)).toEqual({ code: 130, signal: null })
})

test("data that this user may not read: exit 1 and one line", async (context) => {
  const isRoot = process.getuid?.() === 0
  const setpriv = Process.find("setpriv")
  Clients.skipIf(
    context,
    isRoot && setpriv === undefined ? "root needs setpriv (package util-linux)" : undefined,
  )
  using place = TempDir.make("denied")
  const data = copyOf(small, place)
  const home = place.sub("home")
  chmodSync(place.path, 0o755)
  chmodSync(home, 0o777)
  chmodSync(join(data, small.name), 0o000)
  // root may read anything, so shoal runs as a user who owns nothing; that one must be able to read the torrent
  chmodSync(temp.path, 0o755)
  chmodSync(dirname(small.file), 0o755)
  await using run = Shoal.start([...Swarm.seedArgs(small, { data }), "--json"], {
    home,
    enter: isRoot ? [setpriv!, "--reuid", "65534", "--regid", "65534", "--clear-groups"] : [],
  })
  expect((await fails(run, /cannot read .*small\.bin: permission denied/))["reason"]).toBe("PermissionDenied")
})

test("a byte that changes while it is seeded: its piece is no good to anybody, and the next start finds it", async (context) => {
  Clients.skipIf(context, Libtorrent.missing())
  using place = TempDir.make("rotten")
  const data = copyOf(small, place)
  const home = place.sub("home")
  const victim = 20
  {
    await using run = await Swarm.seed(small, { data, home })
    flip(join(data, small.name), victim * small.pieceLength + 7)
    await using leecher = await Libtorrent.leech(small, place.sub("out"), [run.address])
    // it bans whoever was alone in sending a wrong piece, so how much of the rest it gets before is luck
    expect(await leecher.banned()).toBe(run.address)
    await leecher.leave()
    expect(run.child.hasExited(), run.log()).toBe(false)
    expect(await Swarm.interrupt(run), run.log()).toEqual({ code: 130, signal: null })
  }
  // what was checked before the change says nothing about the file as it is now
  await using run = await Swarm.seed(small, { data, home })
  expect(await run.event("started")).toMatchObject({ piecesHave: small.pieceCount - 1 })
  expect(await run.event("faulty")).toMatchObject({ files: [{ path: small.name, problem: "different" }] })
})
