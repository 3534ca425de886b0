/** qBittorrent without its window (Debian: qbittorrent-nox) as a seeder and as a leecher, driven by its web API. */
import { Buffer } from "node:buffer"
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { basename, join } from "node:path"
import * as Clients from "./Clients.ts"
import * as Process from "./Process.ts"
import type { Leecher } from "./Swarm.ts"
import * as TempDir from "./TempDir.ts"
import type { TestTorrent } from "./Torrents.ts"

export const missing = (): string | undefined => Clients.missing("qbittorrent-nox")

interface Qbittorrent {
  readonly child: Process.Child
  readonly port: number
  readonly api: string
  readonly release: () => void
}

/** Starts it without torrents. */
const start = async (role: "seeder" | "leecher"): Promise<Qbittorrent> => {
  const port = await Process.freePort()
  const webPort = await Process.freePort()
  const temp = TempDir.make("qbittorrent")
  const config = temp.sub("qBittorrent/config")
  mkdirSync(config, { recursive: true })
  writeFileSync(
    join(config, "qBittorrent.conf"),
    [
      "[LegalNotice]",
      "Accepted=true",
      "[BitTorrent]",
      "Session\\DHTEnabled=false",
      "Session\\LSDEnabled=false",
      "Session\\PeXEnabled=false",
      "Session\\Interface=lo",
      "Session\\InterfaceName=lo",
      "Session\\InterfaceAddress=127.0.0.1",
      "Session\\BTProtocol=TCP",
      "Session\\MultiConnectionsPerIp=true",
      "Session\\GlobalMaxSeedingMinutes=-1",
      `Session\\Port=${port}`,
      "[Network]",
      "PortForwardingEnabled=false",
      "[Preferences]",
      "WebUI\\Address=127.0.0.1",
      "WebUI\\LocalHostAuth=false",
      "WebUI\\UseUPnP=false",
      `WebUI\\Port=${webPort}`,
      "",
    ].join("\n"),
  )
  const child = Process.start("qbittorrent-nox", [`--profile=${temp.path}`], {
    name: `qbittorrent ${role}`,
    env: { HOME: temp.path },
  })
  await Clients.whenReady(child, Process.listening(child, webPort), temp.remove)
  return { child, port, api: `http://127.0.0.1:${webPort}/api/v2`, release: temp.remove }
}

/** Gives it a torrent with its files in `dir`. */
const add = async (
  { api }: Qbittorrent,
  torrent: TestTorrent,
  dir: string,
  options: Readonly<Record<string, string>>,
): Promise<void> => {
  const form = new FormData()
  form.append("torrents", new Blob([Buffer.from(readFileSync(torrent.file))]), basename(torrent.file))
  form.append("savepath", dir)
  form.append("contentLayout", "Original")
  for (const [name, value] of Object.entries(options)) form.append(name, value)
  const response = await fetch(`${api}/torrents/add`, { method: "POST", body: form })
  if (!response.ok) {
    throw new Error(`qBittorrent refused the torrent: ${response.status} ${await response.text()}`)
  }
}

/** Waits until its only torrent is complete and uploads. */
const seeds = async ({ api, child }: Qbittorrent, timeoutMs?: number): Promise<void> => {
  await Process.until("qBittorrent seeds", async () => {
    if (child.hasExited()) throw new Error(`qBittorrent ended\n${Process.report(child)}`)
    const list = await (await fetch(`${api}/torrents/info`)).json() as ReadonlyArray<{ state: string }>
    return /UP$|^uploading$/.test(list[0]?.state ?? "")
  }, timeoutMs)
}

/** Seeds `torrent` from its data folder until stopped. */
export const seed = async (torrent: TestTorrent): Promise<Clients.Seeder> => {
  const started = await start("seeder")
  const { child, port, release } = started
  const ready = add(started, torrent, torrent.dataDir, { skip_checking: "true" })
    .then(() => seeds(started)).then(() => Process.listening(child, port))
  await Clients.whenReady(child, ready, release)
  return Clients.seeder("qbittorrent", `127.0.0.1:${port}`, child, release)
}

/** Downloads `torrent` to `dir` from those that its trackers name and who connects; then goes on uploading. */
export const leech = async (torrent: TestTorrent, dir: string): Promise<Leecher> => {
  const started = await start("leecher")
  const { child, port, release } = started
  const ready = add(started, torrent, dir, {}).then(() => Process.listening(child, port))
  await Clients.whenReady(child, ready, release)
  return {
    ...Clients.seeder("qbittorrent", `127.0.0.1:${port}`, child, release),
    completed: (timeoutMs) => seeds(started, timeoutMs),
  }
}
