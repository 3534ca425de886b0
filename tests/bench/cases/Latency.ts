/** A torrent from a seeder that is 100 ms away: only who asks far enough ahead fills the pipe. */
import { fileURLToPath } from "node:url"
import * as Libtorrent from "../../support/Libtorrent.ts"
import * as Process from "../../support/Process.ts"
import * as TempDir from "../../support/TempDir.ts"
import type { Case } from "../Case.ts"
import { MIB } from "../Figures.ts"
import * as Leechers from "./Leechers.ts"
import * as Transfer from "./Transfer.ts"

const ROUND_TRIP_MS = 100
const script = fileURLToPath(new URL("delayProxy.mjs", import.meta.url))

export const latency: Case = {
  name: "latency",
  summary: "a torrent over a round trip of 100 ms",
  metrics: Transfer.METRICS,
  prepare: async ({ dir, pieceLength, size }) => {
    const temp = TempDir.make("bench", dir)
    const torrent = await Transfer.large(temp.path, size / 4, pieceLength)
    const seeder = await Libtorrent.seed(torrent)
    const [host, port] = seeder.address.split(":") as [string, string]
    const proxy = Process.start("node", [script, host, port, String(ROUND_TRIP_MS / 2)], {
      name: "delaying proxy",
    })
    const [, near] = await proxy.line(/^listening (\d+)$/)
    const { leechers, stop } = await Leechers.all(torrent, [`127.0.0.1:${near}`], temp.path)
    return {
      title: `${size / 4 / MIB} MiB from one libtorrent, ${ROUND_TRIP_MS} ms of round trip`,
      contestants: leechers.map((leecher) => Leechers.contestant(leecher, torrent, dir)),
      [Symbol.asyncDispose]: async () => {
        await Promise.all([seeder.stop(), proxy.stop(), stop()])
        temp.remove()
      },
    }
  },
}
