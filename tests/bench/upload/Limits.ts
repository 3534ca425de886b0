/** Whether a limit of bytes a second is kept over a whole transfer, up and down, by the clock on the wall. */
import { join } from "node:path"
import * as Libtorrent from "../../support/Libtorrent.ts"
import * as Shoal from "../../support/Shoal.ts"
import * as Swarm from "../../support/Swarm.ts"
import * as TempDir from "../../support/TempDir.ts"
import * as Torrents from "../../support/Torrents.ts"

export interface Kept {
  readonly runtime: Shoal.Runtime
  readonly direction: "up" | "down"
  /** Payload by the time of the transfer. */
  readonly bytesPerSec: number
  /** Of that from the limit: above 0 is too fast. */
  readonly deviationPercent: number
}

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

/** Transfers `size` bytes at `limit` bytes a second in every way at once: so slowly they don't feel each other. */
export const measure = async (
  dir: string,
  size: number,
  limit: number,
  runtimes: ReadonlyArray<Shoal.Runtime>,
): Promise<ReadonlyArray<Kept>> => {
  using place = TempDir.make("limits", dir)
  const one = async (runtime: Shoal.Runtime, direction: Kept["direction"]): Promise<Kept> => {
    // each with data of its own, beside which a seed keeps what it has given
    const torrent = await Torrents.small(join(place.path, `${runtime}-${direction}-data`), size, 256 * 1024)
    const { bytes, seconds } = await (direction === "up" ? up : down)(torrent, limit, runtime, place)
    const bytesPerSec = bytes / seconds
    return { runtime, direction, bytesPerSec, deviationPercent: 100 * (bytesPerSec / limit - 1) }
  }
  return await Promise.all(
    runtimes.flatMap((runtime) => [one(runtime, "up"), one(runtime, "down")]),
  )
}
