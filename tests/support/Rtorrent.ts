/** rtorrent (Debian: rtorrent) as a seeder: its libTorrent is an engine of its own, unrelated to Rasterbar's. */
import { existsSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import * as Clients from "./Clients.ts"
import * as Process from "./Process.ts"
import * as TempDir from "./TempDir.ts"
import * as Torrents from "./Torrents.ts"

export const missing = (): string | undefined => Clients.missing("rtorrent")

/** Seeds `torrent` from its data folder until stopped. */
export const seed = async (torrent: Torrents.TestTorrent): Promise<Clients.Seeder> => {
  const port = await Process.freePort()
  const temp = TempDir.make("rtorrent")
  const checked = join(temp.path, "checked")
  const rc = join(temp.path, "rtorrent.rc")
  writeFileSync(
    rc,
    [
      "system.daemon.set = true",
      `session.path.set = ${temp.sub("session")}`,
      `directory.default.set = ${torrent.dataDir}`,
      `network.port_range.set = ${port}-${port}`,
      "network.port_random.set = no",
      "network.bind_address.set = 127.0.0.1",
      "dht.mode.set = disable",
      "protocol.pex.set = no",
      "trackers.use_udp.set = no",
      `method.set_key = event.download.hash_done, tell, "execute.nothrow=touch,${checked}"`,
      `log.open_file = "log", ${join(temp.path, "log")}`,
      `log.add_output = "info", "log"`,
      "",
    ].join("\n"),
  )
  // it refuses a torrent without trackers; nothing listens on the discard port
  const tracked = Torrents.withTrackers(torrent, join(temp.path, "tracked.torrent"), [
    "http://127.0.0.1:9/announce",
  ])
  const child = Process.start("rtorrent", ["-n", "-o", `import=${rc}`, tracked.file], {
    name: "rtorrent seeder",
    env: { TERM: "xterm", HOME: temp.path },
  })
  const ready = Process.until("rtorrent checks the data", () => {
    if (child.hasExited()) throw new Error(`rtorrent ended\n${Process.report(child)}`)
    return existsSync(checked)
  }).then(() => Process.listening(child, port))
  await Clients.whenReady(child, ready, temp.remove)
  return Clients.seeder("rtorrent", `127.0.0.1:${port}`, child, temp.remove)
}
