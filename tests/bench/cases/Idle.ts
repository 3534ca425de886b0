/** A thousand torrents that are seeded to nobody: what does one more cost? */
import { setTimeout as sleep } from "node:timers/promises"
import * as Libtorrent from "../../support/Libtorrent.ts"
import * as Process from "../../support/Process.ts"
import * as Shoal from "../../support/Shoal.ts"
import * as TempDir from "../../support/TempDir.ts"
import * as Torrents from "../../support/Torrents.ts"
import type { Case, Contestant } from "../Case.ts"
import { cpuSeconds, residentBytes } from "../tracker/Cpu.ts"

const COUNT = 1_000
/** Long enough for a share of two in a thousand to be seen in ticks of 10 ms. */
const IDLE_SECONDS = 10
/** What starting left behind is gone by then: resume data saved, garbage collected. */
const SETTLE_SECONDS = 15

/** Starts seeding these torrents; gives the process once all of them are ready. */
type Start = (torrents: ReadonlyArray<Torrents.TestTorrent>, home: string) => Promise<Process.Child>

const shoal = (runtime: Shoal.Runtime): Start => async (torrents, home) => {
  const files = torrents.map(({ file }) => file)
  const args = [
    "seed",
    ...files,
    "--data",
    torrents[0]!.dataDir,
    "--bind",
    "127.0.0.1",
    "--port",
    "0",
    "--json",
  ]
  const run = Shoal.start(args, { runtime, home })
  // It looks at all events so far each time: those that are new are counted, and none twice.
  const ready = new Set<unknown>()
  await run.event("listening", ({ infoHash }) => ready.add(infoHash).size >= torrents.length, 120_000)
  return run.child
}

const libtorrent: Start = async (torrents) => {
  const child = Process.start(Libtorrent.python()!, [...Libtorrent.idleCommand(torrents)], {
    name: "libtorrent",
  })
  await child.line(/^ready$/, 120_000)
  return child
}

/** Seconds until all are ready, resident bytes and share of a core once nothing happens any more. */
const observe = async (start: Start, torrents: ReadonlyArray<Torrents.TestTorrent>, home: string) => {
  const begun = performance.now()
  await using child = await start(torrents, home)
  const seconds = (performance.now() - begun) / 1_000
  await sleep(SETTLE_SECONDS * 1_000)
  const before = cpuSeconds([child.pid])
  await sleep(IDLE_SECONDS * 1_000)
  const share = (cpuSeconds([child.pid]) - before) / IDLE_SECONDS
  return { seconds, share, bytes: residentBytes([child.pid]) }
}

const contestant = (
  name: string,
  missing: string | undefined,
  start: Start,
  torrents: ReadonlyArray<Torrents.TestTorrent>,
  dir: string,
): Contestant => ({
  name,
  missing,
  run: async () => {
    using homes = TempDir.make("bench-home", dir)
    const one = await observe(start, torrents.slice(0, 1), homes.sub("one"))
    const all = await observe(start, torrents, homes.sub("all"))
    return {
      ready: all.seconds,
      each: (all.bytes - one.bytes) / (torrents.length - 1) / 1024,
      share: 100 * all.share,
    }
  },
})

export const idle: Case = {
  name: "idle",
  summary: "1,000 torrents seeded to nobody",
  metrics: [
    { key: "ready", title: "s until ready", digits: 2 },
    { key: "each", title: "KiB a torrent", digits: 1 },
    { key: "share", title: "% of a core", digits: 2 },
  ],
  prepare: async ({ dir }) => {
    const temp = TempDir.make("bench", dir)
    const torrents: Array<Torrents.TestTorrent> = []
    for (let index = 0; index < COUNT; index++) {
      torrents.push(
        await Torrents.make({
          dir: temp.path,
          name: `small ${index}.bin`,
          files: [{ path: "", length: 40_000 + index }],
          pieceLength: 32 * 1024,
          writer: "own",
        }),
      )
    }
    return {
      title: `${COUNT} torrents of 40 KB, beside one; ${IDLE_SECONDS} s without a peer`,
      contestants: [
        contestant("shoal-node", Shoal.missing("node"), shoal("node"), torrents, dir),
        contestant("shoal-deno", Shoal.missing("deno"), shoal("deno"), torrents, dir),
        contestant("libtorrent", Libtorrent.missing(), libtorrent, torrents, dir),
      ],
      [Symbol.asyncDispose]: () => Promise.resolve(temp.remove()),
    }
  },
}
