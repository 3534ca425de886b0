/** One seeder that gives, and hundreds of peers that have nothing and take places: what do they cost? */
import { fileURLToPath } from "node:url"
import * as Libtorrent from "../../support/Libtorrent.ts"
import * as Process from "../../support/Process.ts"
import * as Shoal from "../../support/Shoal.ts"
import * as TempDir from "../../support/TempDir.ts"
import * as Torrents from "../../support/Torrents.ts"
import type { Case, Contestant } from "../Case.ts"
import { type Metric, MIB } from "../Figures.ts"
import * as Measure from "../Measure.ts"
import * as Leechers from "./Leechers.ts"
import * as Transfer from "./Transfer.ts"

const script = fileURLToPath(new URL("crowd.mjs", import.meta.url))

/** A download that so many others join in its first moments; whoever of them is not let in tries again and again. */
export const run = async (
  runtime: Shoal.Runtime,
  torrent: Torrents.TestTorrent,
  peer: string,
  others: number,
  dir: string,
) => {
  using out = TempDir.make("bench-out", dir)
  const port = await Process.freePort()
  await using crowd = Process.start("node", [
    ...[script, "127.0.0.1", String(port), String(others), torrent.infoHash, String(torrent.pieceCount)],
  ], { name: "crowd" })
  await crowd.line(/^ready$/)
  const command = Leechers.shoalCommand(runtime, torrent, out.path, [peer], port)
  const cost = await Measure.run(`shoal-${runtime}`, [...command, "--max-peers", "1000"], out.sub("home"))
  if (Torrents.differing(torrent, out.path).length > 0) throw new Error("the copy is not as it should be")
  const most = Number([...crowd.stdout().matchAll(/^most (\d+)$/gm)].at(-1)?.[1] ?? 0)
  return { ...Transfer.sample(torrent.totalLength, cost), others: most }
}

/** The same as of other transfers, and how many of the others were connected at most. */
export const METRICS: ReadonlyArray<Metric> = [
  ...Transfer.METRICS,
  { key: "others", title: "others in", digits: 0 },
]

const OTHERS = 499

export const crowd: Case = {
  name: "crowd",
  summary: "the large torrent with 499 peers more, which only take",
  metrics: METRICS,
  prepare: async ({ dir, pieceLength, size }) => {
    const temp = TempDir.make("bench", dir)
    const torrent = await Transfer.large(temp.path, size, pieceLength)
    const seeder = await Libtorrent.seed(torrent)
    const contestant = (name: string, runtime: Shoal.Runtime, others: number): Contestant => ({
      name,
      missing: Shoal.missing(runtime),
      run: () => run(runtime, torrent, seeder.address, others, dir),
    })
    return {
      title: `${size / MIB} MiB from one libtorrent, with ${OTHERS} peers more, and alone`,
      contestants: (["node", "deno"] as const).flatMap((runtime) => [
        contestant(`shoal-${runtime}`, runtime, OTHERS),
        contestant(`alone-${runtime}`, runtime, 0),
      ]),
      [Symbol.asyncDispose]: async () => {
        await seeder.stop()
        temp.remove()
      },
    }
  },
}
