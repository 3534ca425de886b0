/** libtorrent (Debian: python3-libtorrent) by its Python binding: the seeder and the yardstick of the benches. */
import { spawnSync } from "node:child_process"
import { fileURLToPath } from "node:url"
import * as Clients from "./Clients.ts"
import * as Process from "./Process.ts"
import type { TestTorrent } from "./Torrents.ts"

// Debian's package serves Debian's Python, which need not be the first one on PATH
const PYTHONS = ["/usr/bin/python3", "python3"]

let interpreter: string | null | undefined

/** A Python that can import libtorrent. */
export const python = (): string | undefined => {
  interpreter ??= PYTHONS.find((path) => spawnSync(path, ["-c", "import libtorrent"]).status === 0) ?? null
  return interpreter ?? undefined
}

export const missing = (): string | undefined =>
  python() === undefined ? "not installed: libtorrent for Python (package python3-libtorrent)" : undefined

const script = fileURLToPath(new URL("seeder.py", import.meta.url))

/** Seeds `torrent` from its data folder until stopped; `check` hashes the data first. */
export const seed = async (
  torrent: TestTorrent,
  options: { readonly check?: boolean; readonly verbose?: boolean } = {},
): Promise<Clients.Seeder> => {
  const child = Process.start(python()!, [
    ...[script, "seed", "--torrent", torrent.file, "--dir", torrent.dataDir],
    ...(options.check === true ? ["--check"] : []),
    ...(options.verbose === true ? ["--verbose"] : []),
  ], { name: "libtorrent seeder" })
  const listening = child.line(/"event": "listening", "port": (\d+)/)
  const port = Number((await Clients.whenReady(child, listening))[1])
  if (options.check === true) await Clients.whenReady(child, child.line(/"checked"/, 60_000))
  return Clients.seeder("libtorrent", `127.0.0.1:${port}`, child)
}

/** The command line that downloads `torrent` to `dir` from `peers` (and the torrent's trackers) and ends. */
export const leechCommand = (
  torrent: TestTorrent,
  dir: string,
  peers: ReadonlyArray<string>,
  host = "127.0.0.1",
): ReadonlyArray<string> => [
  ...[python()!, script, "leech", "--torrent", torrent.file, "--dir", dir, "--host", host],
  ...peers.flatMap((peer) => ["--peer", peer]),
]
