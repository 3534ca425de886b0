/** Whether a limit of bytes a second is kept over a whole transfer, up and down, by the clock on the wall. */
import { join } from "node:path"
import * as Libtorrent from "../../support/Libtorrent.ts"
import * as Shoal from "../../support/Shoal.ts"
import * as Swarm from "../../support/Swarm.ts"
import * as TempDir from "../../support/TempDir.ts"
import * as Torrents from "../../support/Torrents.ts"
import type { Case, Contestant } from "../Case.ts"
import { MIB } from "../Figures.ts"

const BYTES = 16 * MIB
const LIMIT = MIB

/** Far more than it should take: whoever hangs must not hang the bench. */
const patienceMs = (bytes: number, bytesPerSec: number): number => 4_000 * bytes / bytesPerSec

/** Payload, and the seconds that it took. */
interface Moved {
  readonly bytes: number
  readonly seconds: number
}

/** Downloads by libtorrent from a shoal that may upload `limit` bytes a second: what comes after the first pieces. */
const up = async (
  torrent: Torrents.TestTorrent,
  limit: number,
  runtime: Shoal.Runtime,
  place: TempDir.TempDir,
): Promise<Moved> => {
  await using seeder = await Swarm.seed(torrent, {
    runtime,
    home: place.sub(`${runtime}-up-home`),
    args: ["--max-upload-rate", String(limit)],
  })
  await using leecher = await Libtorrent.leech(torrent, place.sub(`${runtime}-up`), [seeder.address])
  const seconds = await leecher.seconds(patienceMs(torrent.totalLength, limit))
  // libtorrent takes its time to connect
  const first = await leecher.first()
  return {
    bytes: torrent.totalLength - first.pieces * torrent.pieceLength,
    seconds: seconds - first.seconds,
  }
}

/** Downloads by a shoal that may download `limit` bytes a second from libtorrent. */
const down = async (
  torrent: Torrents.TestTorrent,
  limit: number,
  runtime: Shoal.Runtime,
  place: TempDir.TempDir,
): Promise<Moved> => {
  await using seeder = await Libtorrent.seed(torrent)
  await using run = Shoal.download(torrent.file, {
    runtime,
    out: place.sub(`${runtime}-down`),
    home: place.sub(`${runtime}-down-home`),
    peers: [seeder.address],
    args: ["--bind", "127.0.0.1", "--port", "0", "--max-download-rate", String(limit)],
  })
  await run.end(patienceMs(torrent.totalLength, limit))
  const { seconds } = await run.event("complete")
  return { bytes: torrent.totalLength, seconds: Number(seconds) }
}

const make = (runtime: Shoal.Runtime, direction: "up" | "down", dir: string): Contestant => ({
  name: `shoal-${runtime} ${direction}`,
  missing: Shoal.missing(runtime),
  run: async () => {
    using place = TempDir.make("limits", dir)
    const torrent = await Torrents.small(join(place.path, "data"), BYTES, 256 * 1024)
    const { bytes, seconds } = await (direction === "up" ? up : down)(torrent, LIMIT, runtime, place)
    const bytesPerSec = bytes / seconds
    return { rate: bytesPerSec / MIB, off: 100 * (bytesPerSec / LIMIT - 1) }
  },
})

export const limits: Case = {
  name: "limits",
  summary: "16 MiB at a limit of 1 MiB/s, up and down",
  metrics: [
    { key: "rate", title: "MiB/s of payload", digits: 3 },
    { key: "off", title: "% off the limit", digits: 1 },
  ],
  prepare: ({ dir }) =>
    Promise.resolve({
      title: `${BYTES / MIB} MiB at a limit of 1 MiB/s, with libtorrent at the other end`,
      contestants: (["node", "deno"] as const).flatMap((runtime) => [
        make(runtime, "up", dir),
        make(runtime, "down", dir),
      ]),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    }),
}
