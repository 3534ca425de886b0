/** What a person may hand the command line by mistake or malice: one clear line, the right exit code, nothing left behind. */
import { Buffer } from "node:buffer"
import { createHash } from "node:crypto"
import { chmodSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import process from "node:process"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import * as Bencode from "../support/Bencode.ts"
import * as Clients from "../support/Clients.ts"
import * as FakePeer from "../support/FakePeer.ts"
import * as Process from "../support/Process.ts"
import * as Shoal from "../support/Shoal.ts"
import * as TempDir from "../support/TempDir.ts"
import * as Torrents from "../support/Torrents.ts"
import * as Tracker from "../support/Tracker.ts"

const temp = TempDir.make("bad")
let small: Torrents.TestTorrent
beforeAll(async () => {
  small = await Torrents.small(temp.sub("small"))
})
afterAll(temp.remove)

const isRoot = process.getuid?.() === 0

/** The run must end with 1, say why in one line on stderr and as an `error` event, and show no stack trace. */
const fails = async (run: Shoal.Run, why: RegExp, timeoutMs = 20_000): Promise<void> => {
  expect(await run.end(timeoutMs), run.log()).toEqual({ code: 1, signal: null })
  const lines = run.child.stderr().split("\n").filter((line) => line.startsWith("shoal: "))
  expect(lines, run.log()).toHaveLength(1)
  expect(lines[0]).toMatch(why)
  expect(run.child.stderr()).not.toMatch(/^\s+at |a bug in shoal/m)
  expect(run.events.at(-1), run.log()).toMatchObject({ event: "error" })
}

const writeTorrent = (name: string, contents: Uint8Array): string => {
  const path = join(temp.path, name)
  writeFileSync(path, contents)
  return path
}

const info = {
  name: "x",
  "piece length": 32_768,
  length: 50_000,
  pieces: Buffer.alloc(40),
}

describe("refuses before it touches anything", () => {
  const torrents: Readonly<Record<string, () => string>> = {
    "a torrent that is cut off": () => writeTorrent("cut.torrent", readFileSync(small.file).subarray(0, 200)),
    "an empty file": () => writeTorrent("empty.torrent", Buffer.alloc(0)),
    "a web page": () => writeTorrent("page.torrent", Buffer.from("<!doctype html><title>404</title>")),
    "a torrent whose hashes are no multiple of 20 bytes": () =>
      writeTorrent("pieces.torrent", Bencode.encode({ info: { ...info, pieces: Buffer.alloc(39) } })),
    "a torrent with too few hashes": () =>
      writeTorrent("few.torrent", Bencode.encode({ info: { ...info, pieces: Buffer.alloc(20) } })),
    "a torrent with pieces of 0 bytes": () =>
      writeTorrent("zero.torrent", Bencode.encode({ info: { ...info, "piece length": 0 } })),
    "a torrent with a negative length": () =>
      writeTorrent("negative.torrent", Bencode.encode({ info: { ...info, length: -1 } })),
    "a file that is not there": () => join(temp.path, "absent.torrent"),
    "a folder": () => temp.sub("folder.torrent"),
  }
  test.each(Object.entries(torrents))("%s", async (_, source) => {
    using place = TempDir.make("out")
    using home = TempDir.make("home")
    const path = source()
    await using run = Shoal.download(path, { out: join(place.path, "out"), home: home.path })
    await fails(run, new RegExp(path.split("/").at(-1)!.replace(".", "\\.")))
    expect(TempDir.list(place.path).filter((entry) => entry !== "out/")).toEqual([])
  })
})

/** A torrent of `data` whose paths are as given, and the honest description of where the payload is. */
const withPaths = (
  label: string,
  name: string,
  paths: ReadonlyArray<ReadonlyArray<string>>,
): Torrents.TestTorrent => {
  const length = 40_000
  const dataDir = temp.sub(`paths-${label}`)
  Torrents.writeData(join(dataDir, "payload"), length * Math.max(1, paths.length), label)
  const data = readFileSync(join(dataDir, "payload"))
  const pieceLength = 32_768
  const hashes: Array<Buffer> = []
  for (let at = 0; at < data.length; at += pieceLength) {
    hashes.push(createHash("sha1").update(data.subarray(at, at + pieceLength)).digest())
  }
  const file = writeTorrent(
    `${label}.torrent`,
    Bencode.encode({
      info: {
        name,
        "piece length": pieceLength,
        pieces: Buffer.concat(hashes),
        ...(paths.length === 0 ? { length } : { files: paths.map((path) => ({ length, path })) }),
      },
    }),
  )
  const raw = readFileSync(file)
  return {
    name,
    file,
    dataDir,
    infoHash: createHash("sha1").update(raw.subarray(...Bencode.decodeDict(raw).spans.get("info")!)).digest(
      "hex",
    ),
    pieceLength,
    pieceCount: hashes.length,
    totalLength: data.length,
    files: [{ path: "payload", length: data.length }],
  }
}

describe("stays inside the download folder", () => {
  const absolute = join(temp.path, "absolute-escape")
  const torrents: Readonly<Record<string, () => Torrents.TestTorrent>> = {
    "with .. as path elements": () =>
      withPaths("dots", "t", [["..", "..", "evil"], ["ok", "..", "..", "evil2"]]),
    "with .. inside an element": () => withPaths("inner", "t", [["../../evil"], ["a/../../../evil"]]),
    "with an absolute path element": () => withPaths("absolute", "t", [[absolute], ["", absolute]]),
    "with .. as the name": () => withPaths("name", "..", [["evil"]]),
    "with an absolute name": () => withPaths("absolute-name", absolute, []),
    "with backslashes and NUL": () => withPaths("slashes", "t", [["..\\..\\evil"], ["nul\0byte"]]),
    "with two files of the same path": () => withPaths("same", "t", [["a"], ["a"]]),
    "with a file that is also a folder": () => withPaths("both", "t", [["a"], ["a", "b"]]),
  }
  test.each(Object.entries(torrents))("%s", async (_, make) => {
    const torrent = make()
    using place = TempDir.make("escape")
    using home = TempDir.make("home")
    const out = place.sub("one/two/out")
    await using peer = await FakePeer.start(torrent)
    await using run = Shoal.download(torrent.file, { out, home: home.path, peers: [peer.address] })
    expect(await run.end(20_000), run.log()).toEqual({ code: 0, signal: null })
    expect(TempDir.list(place.path).filter((path) => !path.startsWith("one/two/out/"))).toEqual([
      "one/",
      "one/two/",
    ])
    expect(TempDir.list(temp.path)).not.toContain("absolute-escape")
    const written = TempDir.list(out).filter((path) => !path.endsWith("/"))
    const bytes = written.reduce((sum, path) => sum + readFileSync(join(out, path)).length, 0)
    expect(bytes).toBe(torrent.totalLength)
  })

  test.each(["file", "folder"])(
    "with a symbolic link out of it where the torrent's %s goes",
    async (kind) => {
      using place = TempDir.make("link")
      using home = TempDir.make("home")
      const out = place.sub("out")
      const target = join(place.path, "precious")
      const torrent = kind === "file" ? small : withPaths("link", "t", [["sub", "a"]])
      if (kind === "file") {
        writeFileSync(target, "precious")
        symlinkSync(target, join(out, small.name))
      } else {
        mkdirSync(target)
        mkdirSync(join(out, "t"))
        symlinkSync(target, join(out, "t/sub"))
      }
      await using peer = await FakePeer.start(torrent)
      await using run = Shoal.download(torrent.file, { out, home: home.path, peers: [peer.address] })
      await fails(run, /link/i)
      if (kind === "file") expect(readFileSync(target, "utf8")).toBe("precious")
      else expect(TempDir.list(target)).toEqual([])
    },
  )
})

describe("gives up with a reason", () => {
  test.concurrent("when the tracker refuses connections and there is no peer", async () => {
    using place = TempDir.make("out")
    const url = `http://127.0.0.1:${await Process.freePort()}/announce`
    const torrent = Torrents.withTrackers(small, join(temp.path, "down.torrent"), [url])
    await using run = Shoal.download(torrent.file, { out: place.path, home: place.sub("home") })
    await fails(run, /tracker/i, 60_000)
    expect(TempDir.list(place.path).filter((path) => !path.startsWith("home/"))).toEqual([])
  })

  test.concurrent("when the tracker says no", async () => {
    using place = TempDir.make("out")
    await using tracker = await Tracker.start({ fault: { failureReason: "unregistered torrent" } })
    const torrent = Torrents.withTrackers(small, join(temp.path, "refused.torrent"), [tracker.url])
    await using run = Shoal.download(torrent.file, { out: place.path, home: place.sub("home") })
    await fails(run, /unregistered torrent/, 60_000)
  })

  test("when there is neither a tracker nor a peer", async () => {
    using place = TempDir.make("out")
    await using run = Shoal.download(small.file, { out: place.path, home: place.sub("home") })
    await fails(run, /--peer/)
  })

  test("when a tracker never answers, Ctrl-C still ends it at once", async () => {
    using place = TempDir.make("out")
    await using tracker = await Tracker.start({ fault: "silent" })
    const torrent = Torrents.withTrackers(small, join(temp.path, "silent.torrent"), [tracker.url])
    await using run = Shoal.download(torrent.file, { out: place.path, home: place.sub("home") })
    await tracker.announced("event=started", (announce) => announce.event === "started")
    run.child.signal("SIGINT")
    expect(await run.end(6_000), run.log()).toEqual({ code: 130, signal: null })
  })

  test("when the disk is full", async (context) => {
    Clients.skipIf(
      context,
      isRoot ? Clients.missing("unshare") : "only root can mount a file system that is small",
    )
    using place = TempDir.make("full")
    const out = place.sub("out")
    // a private mount, gone with the process
    const mount = `mount -t tmpfs -o size=512k none '${out}' && exec "$@"`
    await using peer = await FakePeer.start(small)
    await using run = Shoal.download(small.file, {
      out,
      home: place.sub("home"),
      peers: [peer.address],
      enter: ["unshare", "--mount", "sh", "-c", mount, "sh"],
    })
    await fails(run, /space|full/i)
    expect(TempDir.list(out)).toEqual([])
  })

  test("when the folder may not be written to", async (context) => {
    const setpriv = Process.find("setpriv")
    Clients.skipIf(
      context,
      isRoot && setpriv === undefined ? "root needs setpriv (package util-linux)" : undefined,
    )
    using place = TempDir.make("denied")
    const out = place.sub("out")
    const home = place.sub("home")
    chmodSync(place.path, 0o755)
    chmodSync(home, 0o777)
    chmodSync(out, 0o555)
    // root may write anywhere, so shoal runs as a user who owns nothing; that one must be able to read the torrent
    chmodSync(temp.path, 0o755)
    chmodSync(dirname(small.file), 0o755)
    await using peer = await FakePeer.start(small)
    await using run = Shoal.download(small.file, {
      out,
      home,
      peers: [peer.address],
      enter: isRoot ? [setpriv!, "--reuid", "65534", "--regid", "65534", "--clear-groups"] : [],
    })
    await fails(run, /permission|not allowed|denied/i)
    expect(TempDir.list(out)).toEqual([])
  })
})
