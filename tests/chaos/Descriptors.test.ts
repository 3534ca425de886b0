/** A process that may have few files open downloads a torrent of many: it gives back those that it does not need. */
import { join } from "node:path"
import { afterAll, beforeAll, expect, test } from "vitest"
import { build } from "../cli/Binary.ts"
import * as FakePeer from "../support/FakePeer.ts"
import * as Process from "../support/Process.ts"
import * as Shoal from "../support/Shoal.ts"
import * as TempDir from "../support/TempDir.ts"
import * as Torrents from "../support/Torrents.ts"

const prlimit = Process.find("prlimit")
const { command } = build()

const temp = TempDir.make("descriptors")
let torrent: Torrents.TestTorrent
beforeAll(async () => {
  torrent = await Torrents.make({
    dir: temp.sub("torrent"),
    name: "many",
    pieceLength: 32_768,
    files: Array.from({ length: 300 }, (_, i) => ({ path: `f${i}`, length: 5_000 + i })),
  })
})
afterAll(temp.remove)

/** How it ends with so many descriptors. */
const download = async (descriptors: number, out: string): Promise<Process.Child> => {
  await using peer = await FakePeer.start(torrent)
  const args = ["download", torrent.file, "--json", "-o", out, "--peer", peer.address, ...Shoal.OFFLINE]
  const child = Process.start(prlimit!, [`--nofile=${descriptors}`, ...command("node"), ...args], {
    env: Shoal.homeEnv(temp.path),
  })
  await Process.within(child.exited, 100_000, () => Process.report(child))
  return child
}

// prlimit is Linux's.
test.skipIf(prlimit === undefined)("60 descriptors for 300 files are enough", async () => {
  const out = temp.sub("enough")
  const child = await download(60, out)
  expect((await child.exited).code, Process.report(child)).toBe(0)
  expect(Torrents.differing(torrent, join(out))).toEqual([])
}, 120_000)

test.skipIf(prlimit === undefined)(
  "with too few it ends with a word, and the same command goes on with more",
  async () => {
    const out = temp.sub("few")
    const outcomes: Array<number | null> = []
    for (const descriptors of [32, 34, 36, 40]) {
      const child = await download(descriptors, out)
      const { code } = await child.exited
      outcomes.push(code)
      if (code !== 0) expect(child.stderr(), Process.report(child)).toMatch(/too many open files|EMFILE/i)
      if (code === 0) break
    }
    const child = await download(1_024, out)
    expect((await child.exited).code, `${outcomes}\n${Process.report(child)}`).toBe(0)
    expect(Torrents.differing(torrent, out)).toEqual([])
  },
  240_000,
)
