/** The trackers under test, each on free ports of 127.0.0.1. */
import { chmodSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import process from "node:process"
import { fileURLToPath } from "node:url"
import { toHex } from "../../../core/base/Bytes.ts"
import * as Clients from "../../support/Clients.ts"
import * as NpmTracker from "../../support/NpmTracker.ts"
import * as Process from "../../support/Process.ts"
import * as Redis from "../../support/Redis.ts"
import * as Shoal from "../../support/Shoal.ts"
import * as TempDir from "../../support/TempDir.ts"
import * as Workload from "./Workload.ts"

export interface Server {
  readonly httpPort: number
  readonly udpPort: number
  /** The tracker's own processes and what they started. */
  readonly pids: () => ReadonlyArray<number>
  readonly stop: () => Promise<void>
}

export interface Contestant {
  readonly name: string
  /** Why it can't take part; `undefined` where it can. */
  readonly missing: string | undefined
  readonly start: (workload: Workload.WorkloadOptions) => Promise<Server>
}

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url))

/** A process and its descendants (Linux). */
const familyOf = (pid: number): ReadonlyArray<number> => {
  const family = [pid]
  for (let i = 0; i < family.length; i++) {
    for (const task of readdirSync(`/proc/${family[i]}/task`)) {
      const children = readFileSync(`/proc/${family[i]}/task/${task}/children`, "latin1")
      family.push(...children.split(" ").filter((text) => text !== "").map(Number))
    }
  }
  return family
}

const fromChild = (
  child: Process.Child,
  httpPort: number,
  udpPort: number,
  clean = (): void => {},
): Server => ({
  httpPort,
  udpPort,
  pids: () => familyOf(child.pid),
  stop: async () => {
    await child.stop()
    clean()
  },
})

const startShoal = async (workers: number, redisUrl?: string): Promise<Server> => {
  const temp = TempDir.make("bench-tracker")
  const args = [
    ...["tracker", "--json", "--host", "127.0.0.1", "--http-port", "0", "--udp-port", "0"],
    ...["--workers", String(workers)],
    ...(redisUrl === undefined ? [] : ["--redis", redisUrl]),
  ]
  const [command, ...rest] = Shoal.command(args)
  const child = Process.start(command!, rest, {
    name: "shoal tracker",
    env: { ...Shoal.homeEnv(temp.path), NO_COLOR: "1" },
  })
  const [line] = await Clients.whenReady(child, child.line(/^\{.*"event":"listening".*$/), temp.remove)
  const { http, udp } = JSON.parse(line) as { readonly http: string; readonly udp: string }
  return fromChild(child, Number(new URL(http).port), Number(/:(\d+)\//.exec(udp)![1]), temp.remove)
}

const shoalMissing = (): string | undefined => {
  const missing = Shoal.missing()
  if (missing !== undefined) return missing
  const command = readFileSync(fileURLToPath(new URL("../../../cli/Main.ts", import.meta.url)), "utf8")
  return command.includes("Tracker.ts") ? undefined : "this version of shoal has no tracker"
}

export const shoal = (workers: number): Contestant => ({
  name: workers === 1 ? "shoal" : `shoal, ${workers} workers`,
  missing: shoalMissing(),
  start: () => startShoal(workers),
})

/** With its swarms in a Redis of its own, whose time and memory count as the tracker's. */
export const shoalRedis: Contestant = {
  name: "shoal, Redis",
  missing: shoalMissing() ?? Redis.missing(),
  start: async () => {
    const redis = await Redis.start()
    try {
      const server = await startShoal(1, redis.url)
      return {
        ...server,
        pids: () => [...server.pids(), redis.pid],
        stop: async () => {
          await server.stop()
          await redis.stop()
        },
      }
    } catch (error) {
      await redis.stop()
      throw error
    }
  },
}

export const opentracker: Contestant = {
  name: "opentracker",
  missing: Clients.missing("opentracker"),
  start: async (workload) => {
    const temp = TempDir.make("bench-opentracker")
    // As root it goes on as "nobody" inside this folder, where Debian's build wants a list of what it serves.
    chmodSync(temp.path, 0o755)
    const hashes = Array.from(
      { length: workload.swarms },
      (_, swarm) => `${toHex(Workload.infoHash(swarm))}\n`,
    )
    writeFileSync(join(temp.path, "whitelist"), hashes.join(""))
    const port = await Process.freePort()
    const child = Process.start("opentracker", [
      ...["-i", "127.0.0.1", "-p", String(port), "-P", String(port), "-d", temp.path, "-w", "whitelist"],
    ], { cwd: temp.path })
    await Clients.whenReady(child, Process.listening(child, port), temp.remove)
    return fromChild(child, port, port, temp.remove)
  },
}

export const bittorrentTracker: Contestant = {
  name: "bittorrent-tracker",
  missing: NpmTracker.missing(),
  start: async () => {
    const { pid, ...server } = await NpmTracker.start()
    return { ...server, pids: () => familyOf(pid) }
  },
}

const startBare = async (): Promise<Server> => {
  const child = Process.start(process.execPath, [here("bare.mjs")], { name: "bare Node" })
  const [, http, udp] = await Clients.whenReady(child, child.line(/^ports (\d+) (\d+)$/))
  return fromChild(child, Number(http), Number(udp))
}

export const bare: Contestant = { name: "bare Node", missing: undefined, start: startBare }
