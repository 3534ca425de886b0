/** A real process under abuse from outside: a peer that behaves is served all the same, and memory stays bounded. */
import { join } from "node:path"
import process from "node:process"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import * as Run from "../bench/abuse/Run.ts"
import * as Process from "../support/Process.ts"
import * as TempDir from "../support/TempDir.ts"
import * as Torrents from "../support/Torrents.ts"

const MIB = 1024 * 1024

const temp = TempDir.make("abuse")
let torrent: Torrents.TestTorrent
beforeAll(async () => {
  torrent = await Torrents.small(temp.sub("torrent"), 48 * MIB, 256 * 1024)
})
afterAll(temp.remove)

/** Those that cost most if nobody looks, one of each kind; `npm run bench:abuse` has them all, with rates. */
const ABUSES = ["silent", "one-address", "unknown-extended", "requests", "half-messages"]

/** Each goes on until this much has passed between shoal and the good peer, and for so long at least. */
const SERVED_BYTES = 4 * MIB
const ABUSE_MS = 2_000

/** Generous: the bench looks for 300 MB on a machine of its own. A leak of these floods would be gigabytes. */
const MAX_PEAK_BYTES = 600e6

/** A process with few descriptors, of which the runtime itself needs some 25. */
const FEW_FILES = ["sh", "-c", 'ulimit -n 64; exec "$@"', "sh"]

const isLinux = process.platform === "linux"
const title = (text: string): string =>
  isLinux ? text : `${text} (skipped: source addresses and /proc are Linux's)`

/** Abuses shoal, and waits until it has served the good peer meanwhile. */
const endure = async (scene: Run.Scene, abuse: string): Promise<void> => {
  await using abuser = Run.abuse(abuse, scene.port, torrent)
  await abuser.line(/\{.*\}/)
  const [bytes, from] = [scene.bytes(), performance.now()]
  const hasServed = (): boolean => {
    if (scene.run.child.hasExited()) throw new Error(`shoal ended\n${scene.run.log()}`)
    return scene.bytes() - bytes >= SERVED_BYTES && performance.now() - from >= ABUSE_MS
  }
  await Process.until(`the good peer is served under abuse (${abuse})`, hasServed, 60_000)
}

describe.skipIf(!isLinux).each(["node", "deno"] as const)("on %s", (runtime) => {
  test(title("a seed serves on whatever strangers do, and its memory stays bounded"), async () => {
    using dir = TempDir.make("abused")
    const options = { role: "seed", runtime, torrent, dir: dir.path, rateBytesPerSec: 20 * MIB } as const
    await using scene = await Run.start(options)
    await Process.until("the good peer has something", () => scene.bytes() > 0, 60_000)
    for (const abuse of ABUSES) await endure(scene, abuse)
    expect(Run.peakBytes(scene.run.child.pid)).toBeLessThan(MAX_PEAK_BYTES)
  }, 300_000)

  test(title("a download completes with few descriptors and many strangers, byte by byte"), async () => {
    using dir = TempDir.make("abused")
    await using scene = await Run.start({
      role: "download",
      runtime,
      torrent,
      dir: dir.path,
      rateBytesPerSec: 8 * MIB,
      enter: FEW_FILES,
    })
    await Process.until("the download has begun", () => scene.bytes() > 0, 60_000)
    await using silent = Run.abuse("silent", scene.port, torrent)
    await using greedy = Run.abuse("one-address", scene.port, torrent)
    expect(await scene.run.end(120_000), scene.run.log()).toEqual({ code: 0, signal: null })
    expect(Torrents.differing(torrent, join(dir.path, "out")), scene.run.log()).toEqual([])
    expect([silent.hasExited(), greedy.hasExited()]).toEqual([false, false])
  }, 300_000)

  test(title("a seed with few descriptors goes on accepting after a flood"), async () => {
    using dir = TempDir.make("abused")
    const options = { role: "seed", runtime, torrent, dir: dir.path, rateBytesPerSec: 20 * MIB } as const
    await using scene = await Run.start({ ...options, enter: FEW_FILES })
    await Process.until("the good peer has something", () => scene.bytes() > 0, 60_000)
    await endure(scene, "silent")
    // Somebody new: its predecessor was connected before.
    await scene.good.stop()
    const newcomer = Run.goodPeer(options, scene.port)
    try {
      await Process.until("a newcomer is served", () => Run.bytesOf(newcomer) >= SERVED_BYTES, 60_000)
    } finally {
      await newcomer.stop()
    }
  }, 300_000)
})
