/** qBittorrent without its window (Debian: qbittorrent-nox) as a seeder, driven by its web API. */
import { Buffer } from "node:buffer"
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { basename, join } from "node:path"
import * as Clients from "./Clients.ts"
import * as Process from "./Process.ts"
import * as TempDir from "./TempDir.ts"
import type { TestTorrent } from "./Torrents.ts"

export const missing = (): string | undefined => Clients.missing("qbittorrent-nox")

/** Seeds `torrent` from its data folder until stopped. */
export const seed = async (torrent: TestTorrent): Promise<Clients.Seeder> => {
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
    name: "qbittorrent seeder",
    env: { HOME: temp.path },
  })
  const api = `http://127.0.0.1:${webPort}/api/v2`
  const add = async (): Promise<void> => {
    await Process.listening(child, webPort)
    const form = new FormData()
    form.append("torrents", new Blob([Buffer.from(readFileSync(torrent.file))]), basename(torrent.file))
    form.append("savepath", torrent.dataDir)
    form.append("skip_checking", "true")
    form.append("contentLayout", "Original")
    const response = await fetch(`${api}/torrents/add`, { method: "POST", body: form })
    if (!response.ok) {
      throw new Error(`qBittorrent refused the torrent: ${response.status} ${await response.text()}`)
    }
    await Process.until("qBittorrent seeds", async () => {
      const list = await (await fetch(`${api}/torrents/info`)).json() as ReadonlyArray<{ state: string }>
      return /UP$|^uploading$/.test(list[0]?.state ?? "")
    })
    await Process.listening(child, port)
  }
  await Clients.whenReady(child, add(), temp.remove)
  return Clients.seeder("qbittorrent", `127.0.0.1:${port}`, child, temp.remove)
}
