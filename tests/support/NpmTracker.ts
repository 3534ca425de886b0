/** npm's bittorrent-tracker as a process of its own, from `tests/peers`, whose packages `npm run peers` installs. */
import { existsSync } from "node:fs"
import process from "node:process"
import { fileURLToPath } from "node:url"
import * as Clients from "./Clients.ts"
import * as Process from "./Process.ts"

export interface NpmTracker {
  readonly pid: number
  readonly httpPort: number
  readonly udpPort: number
  readonly stop: () => Promise<void>
}

const peers = (name: string): string => fileURLToPath(new URL(`../peers/${name}`, import.meta.url))

/** Why it can't be started; `undefined` where it can. */
export const missing = (): string | undefined =>
  existsSync(peers("node_modules/bittorrent-tracker"))
    ? undefined
    : "npm's bittorrent-tracker is not installed (npm run peers)"

/** Over HTTP and UDP on free ports of 127.0.0.1. */
export const start = async (): Promise<NpmTracker> => {
  // By its name: under Deno this process is not Node.
  const node = "Deno" in globalThis ? "node" : process.execPath
  const child = Process.start(node, [peers("bittorrentTracker.mjs")], { name: "bittorrent-tracker" })
  const [, http, udp] = await Clients.whenReady(child, child.line(/^ports (\d+) (\d+)$/))
  return { pid: child.pid, httpPort: Number(http), udpPort: Number(udp), stop: () => child.stop() }
}
