/** rtorrent (Debian: rtorrent) as a seeder and as a leecher: its libTorrent is an engine of its own, unrelated to Rasterbar's. */
import { existsSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import * as Clients from "./Clients.ts"
import * as Process from "./Process.ts"
import type { Leecher } from "./Swarm.ts"
import * as TempDir from "./TempDir.ts"
import * as Torrents from "./Torrents.ts"

export const missing = (): string | undefined => Clients.missing("rtorrent")

interface Rtorrent {
  readonly child: Process.Child
  readonly port: number
  readonly release: () => void
  /** Waits until the event that it was told to tell has come. */
  readonly told: (what: string, timeoutMs?: number) => Promise<void>
}

/** Starts it on `torrent` with its files in `dir`; it leaves a mark when `event` comes. */
const start = async (
  torrent: Torrents.TestTorrent,
  dir: string,
  event: "hash_done" | "finished",
  role: "seeder" | "leecher",
): Promise<Rtorrent> => {
  const port = await Process.freePort()
  const temp = TempDir.make("rtorrent")
  const mark = join(temp.path, event)
  const rc = join(temp.path, "rtorrent.rc")
  writeFileSync(
    rc,
    [
      "system.daemon.set = true",
      `session.path.set = ${temp.sub("session")}`,
      `directory.default.set = ${dir}`,
      `network.port_range.set = ${port}-${port}`,
      "network.port_random.set = no",
      "network.bind_address.set = 127.0.0.1",
      "dht.mode.set = disable",
      "protocol.pex.set = no",
      "trackers.use_udp.set = no",
      `method.set_key = event.download.${event}, tell, "execute.nothrow=touch,${mark}"`,
      `log.open_file = "log", ${join(temp.path, "log")}`,
      `log.add_output = "info", "log"`,
      "",
    ].join("\n"),
  )
  const child = Process.start("rtorrent", ["-n", "-o", `import=${rc}`, torrent.file], {
    name: `rtorrent ${role}`,
    env: { TERM: "xterm", HOME: temp.path },
  })
  const told = async (what: string, timeoutMs?: number): Promise<void> => {
    await Process.until(what, () => {
      if (child.hasExited()) throw new Error(`rtorrent ended\n${Process.report(child)}`)
      return existsSync(mark)
    }, timeoutMs)
  }
  return { child, port, release: temp.remove, told }
}

/** Seeds `torrent` from its data folder until stopped. */
export const seed = async (torrent: Torrents.TestTorrent): Promise<Clients.Seeder> => {
  const temp = TempDir.make("rtorrent-torrent")
  // it refuses a torrent without trackers; nothing listens on the discard port
  const tracked = Torrents.withTrackers(torrent, join(temp.path, "tracked.torrent"), [
    "http://127.0.0.1:9/announce",
  ])
  const { child, port, release, told } = await start(tracked, torrent.dataDir, "hash_done", "seeder")
  const free = (): void => {
    release()
    temp.remove()
  }
  const ready = told("rtorrent checks the data").then(() => Process.listening(child, port))
  await Clients.whenReady(child, ready, free)
  return Clients.seeder("rtorrent", `127.0.0.1:${port}`, child, free)
}

/**
 * Downloads `torrent`, which must have a tracker, to `dir` from those that the tracker names and who connects; then goes
 * on uploading.
 */
export const leech = async (torrent: Torrents.TestTorrent, dir: string): Promise<Leecher> => {
  const { child, port, release, told } = await start(torrent, dir, "finished", "leecher")
  await Clients.whenReady(child, Process.listening(child, port), release)
  return {
    ...Clients.seeder("rtorrent", `127.0.0.1:${port}`, child, release),
    completed: (timeoutMs) => told("rtorrent has everything", timeoutMs),
  }
}
