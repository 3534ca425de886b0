/** One torrent from one fast seeder, and from eight. */
import * as Clients from "../../support/Clients.ts"
import * as Libtorrent from "../../support/Libtorrent.ts"
import * as TempDir from "../../support/TempDir.ts"
import type { Case } from "../Case.ts"
import { MIB } from "../Figures.ts"
import * as Leechers from "./Leechers.ts"
import * as Transfer from "./Transfer.ts"

const make = (name: string, seeders: number, summary: string): Case => ({
  name,
  summary,
  metrics: Transfer.METRICS,
  prepare: async ({ dir, pieceLength, size }) => {
    const temp = TempDir.make("bench", dir)
    const torrent = await Transfer.large(temp.path, size, pieceLength)
    const running: Array<Clients.Seeder> = []
    for (let i = 0; i < seeders; i++) running.push(await Libtorrent.seed(torrent))
    const { leechers, stop } = await Leechers.all(torrent, running.map(({ address }) => address), temp.path)
    return {
      title: `${size / MIB} MiB in pieces of ${pieceLength / 1024} KiB over loopback from ` +
        (seeders === 1 ? "one libtorrent" : `${seeders} libtorrents`),
      contestants: leechers.map((leecher) => Leechers.contestant(leecher, torrent, dir)),
      [Symbol.asyncDispose]: async () => {
        await Promise.all([...running.map((one) => one.stop()), stop()])
        temp.remove()
      },
    }
  },
})

export const one = make("download", 1, "a large torrent from one seeder")
export const eight = make("swarm", 8, "the same from eight seeders")
