/** WebTorrent of npm as a leecher and as a seeder; installed by `npm run peers`. */
import { existsSync } from "node:fs"
import { fileURLToPath } from "node:url"
import * as Clients from "./Clients.ts"
import * as Process from "./Process.ts"
import type { TestTorrent } from "./Torrents.ts"

const script = fileURLToPath(new URL("../peers/webtorrent.mjs", import.meta.url))
const installed = fileURLToPath(new URL("../peers/node_modules/webtorrent", import.meta.url))

export const missing = (): string | undefined =>
  existsSync(installed) ? undefined : "not installed: webtorrent of npm (npm run peers)"

/** The command line that downloads `torrent` to `dir` from `peers` and ends. */
export const leechCommand = (
  torrent: TestTorrent,
  dir: string,
  peers: ReadonlyArray<string>,
): ReadonlyArray<string> => ["node", script, "leech", torrent.file, dir, ...peers]

/** Checks the data of `torrent` and seeds it until stopped. */
export const seed = async (torrent: TestTorrent): Promise<Clients.Seeder> => {
  const child = Process.start("node", [script, "seed", torrent.file, torrent.dataDir], {
    name: "webtorrent seeder",
  })
  const [, port] = await Clients.whenReady(child, child.line(/^listening (\d+)$/, 120_000))
  return Clients.seeder("webtorrent", `127.0.0.1:${port}`, child)
}
