/** One abuse against a running shoal: what a good peer gets before and meanwhile, and what that costs. */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import process from "node:process"
import { fileURLToPath } from "node:url"
import * as Process from "../../support/Process.ts"
import * as Shoal from "../../support/Shoal.ts"
import * as Swarm from "../../support/Swarm.ts"
import * as TempDir from "../../support/TempDir.ts"
import type * as Torrents from "../../support/Torrents.ts"
import { cpuSeconds } from "../tracker/Cpu.ts"
import type * as Abuser from "./Abuser.ts"
import type * as GoodPeer from "./GoodPeer.ts"

/** What shoal does meanwhile. */
export type Role = "seed" | "download"

export interface SceneOptions {
  readonly role: Role
  readonly runtime: Shoal.Runtime
  readonly torrent: Torrents.TestTorrent
  /** A folder for what shoal keeps, in `home`, and writes, in `out`. */
  readonly dir: string
  /** The good peer's line; 0: as fast as it goes. */
  readonly rateBytesPerSec: number
  /** Put before the command of shoal. */
  readonly enter?: ReadonlyArray<string>
}

export interface RunOptions extends SceneOptions {
  /** The name of an abuse. */
  readonly abuse: string
  /** Measured before the abuse, and again during it. */
  readonly seconds: number
}

export interface Outcome {
  readonly role: Role
  readonly runtime: Shoal.Runtime
  readonly abuse: string
  /** Payload that the good peer got, or that shoal got from it. */
  readonly undisturbedBytesPerSec: number
  readonly abusedBytesPerSec: number
  readonly ratio: number
  /** How often shoal choked the good peer meanwhile, and how often it had to connect anew. */
  readonly chokes: number
  readonly connects: number
  /** Payload for the processor time of shoal, against before: hardly feels what else the machine does. */
  readonly perCpuRatio: number
  /** The largest resident set of shoal in its life, and until the abuse began. */
  readonly peakBytes: number
  readonly peakBeforeBytes: number
  /** Of shoal, all threads, in parts of one core: before and meanwhile. */
  readonly cpuBefore: number
  readonly cpuMeanwhile: number
  /** What the abuser did, a second. */
  readonly opened: number
  readonly sentBytes: number
}

const here = (file: string): string => fileURLToPath(new URL(file, import.meta.url))

const child = (file: string, argument: object): Process.Child =>
  Process.start(process.env["npm_node_execpath"] ?? "node", [
    here("child.mjs"),
    here(file),
    JSON.stringify(argument),
  ], { name: file })

/** The last line that a child printed, as JSON. */
const last = <A>(one: Process.Child): A => {
  const lines = one.stdout().split("\n")
  return JSON.parse(lines.at(-2) ?? "{}") as A
}

/** Waits; fails if shoal ends meanwhile. */
const stays = async (run: Shoal.Run, seconds: number): Promise<void> => {
  await Promise.race([
    new Promise((resolve) => setTimeout(resolve, seconds * 1_000)),
    run.exited.then(() => Promise.reject(new Error(`shoal ended\n${run.log()}`))),
  ])
}

/** The most memory that was resident in a process's life. */
export const peakBytes = (pid: number): number =>
  Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "latin1"))?.[1] ?? 0) * 1024

interface Good {
  readonly chokes?: number
  readonly connects?: number
  readonly bytes?: number
  readonly ms?: number
}

/** Payload a second of the good peer, and the cost of shoal, over so long. */
const measure = async (run: Shoal.Run, good: Process.Child, seconds: number) => {
  const [cpu, from] = [cpuSeconds([run.child.pid]), last<Good>(good)]
  const startedAt = performance.now()
  await stays(run, seconds)
  const to = last<Good>(good)
  const elapsed = (performance.now() - startedAt) / 1_000
  return {
    chokes: (to.chokes ?? 0) - (from.chokes ?? 0),
    connects: (to.connects ?? 0) - (from.connects ?? 0),
    bytesPerSec: ((to.bytes ?? 0) - (from.bytes ?? 0)) * 1_000 / ((to.ms ?? 0) - (from.ms ?? 0) || 1),
    cpu: (cpuSeconds([run.child.pid]) - cpu) / elapsed,
  }
}

/** A peer that behaves; a leecher comes to `port`. */
export const goodPeer = ({ rateBytesPerSec, role, torrent }: SceneOptions, port: number): Process.Child => {
  const one: GoodPeer.Case = {
    role: role === "seed" ? "leecher" : "seeder",
    port,
    infoHash: torrent.infoHash,
    pieceLength: torrent.pieceLength,
    pieceCount: torrent.pieceCount,
    path: join(torrent.dataDir, torrent.files[0]!.path),
    rateBytesPerSec,
  }
  return child("GoodPeer.ts", one)
}

/** Payload that a good peer has got or given so far. */
export const bytesOf = (good: Process.Child): number => last<Good>(good).bytes ?? 0

export interface Scene {
  readonly run: Shoal.Run
  readonly good: Process.Child
  /** Where shoal listens. */
  readonly port: number
  /** Payload that has passed so far. */
  readonly bytes: () => number
  readonly stop: () => Promise<void>
  readonly [Symbol.asyncDispose]: () => Promise<void>
}

const sceneOf = (run: Shoal.Run, good: Process.Child, port: number): Scene => {
  const stop = async (): Promise<void> => {
    await Promise.all([run.stop(), good.stop()])
  }
  return { run, good, port, bytes: () => bytesOf(good), stop, [Symbol.asyncDispose]: stop }
}

/** Shoal, and the good peer which is on its way to it. */
export const start = async (options: SceneOptions): Promise<Scene> => {
  const { dir, enter, role, runtime, torrent } = options
  const home = join(dir, "home")
  const common = { runtime, home, ...(enter === undefined ? {} : { enter }) }
  if (role === "seed") {
    const run = await Swarm.seed(torrent, common)
    const port = Number(run.address.split(":").at(-1))
    return sceneOf(run, goodPeer(options, port), port)
  }
  const port = await Process.freePort()
  const good = goodPeer(options, port)
  const [line] = await good.line(/\{"port":\d+\}/)
  const peer = `127.0.0.1:${(JSON.parse(line) as { readonly port: number }).port}`
  const args = ["--bind", "127.0.0.1", "--port", String(port)]
  const run = Shoal.download(torrent.file, { out: join(dir, "out"), peers: [peer], args, ...common })
  return sceneOf(run, good, port)
}

/** A process that abuses whoever listens on `port`, until it is stopped. */
export const abuse = (name: string, port: number, torrent: Torrents.TestTorrent): Process.Child => {
  const one: Abuser.Case = { abuse: name, port, infoHash: torrent.infoHash, pieceCount: torrent.pieceCount }
  return child("Abuser.ts", one)
}

/** One abuse against a fresh shoal. */
export const run = async (options: RunOptions): Promise<Outcome> => {
  const { role, runtime, seconds, torrent } = options
  using temp = TempDir.make("abuse", options.dir)
  await using scene = await start({ ...options, dir: temp.path })
  const { good, port } = scene
  await Process.until("the good peer has something", () => scene.bytes() > 0, 30_000)
  await stays(scene.run, 1)
  const before = await measure(scene.run, good, seconds)
  const peakBeforeBytes = peakBytes(scene.run.child.pid)
  await using abuser = abuse(options.abuse, port, torrent)
  await abuser.line(/\{.*\}/)
  await stays(scene.run, 1)
  const startedAt = performance.now()
  const meanwhile = await measure(scene.run, good, seconds)
  const done = last<{ readonly opened: number; readonly sent: number }>(abuser)
  const took = (performance.now() - startedAt) / 1_000 + 1
  return {
    role,
    runtime,
    abuse: options.abuse,
    undisturbedBytesPerSec: before.bytesPerSec,
    abusedBytesPerSec: meanwhile.bytesPerSec,
    chokes: meanwhile.chokes,
    connects: meanwhile.connects,
    ratio: meanwhile.bytesPerSec / before.bytesPerSec,
    perCpuRatio: meanwhile.bytesPerSec / meanwhile.cpu / (before.bytesPerSec / before.cpu),
    peakBytes: peakBytes(scene.run.child.pid),
    peakBeforeBytes,
    cpuBefore: before.cpu,
    cpuMeanwhile: meanwhile.cpu,
    opened: done.opened / took,
    sentBytes: done.sent / took,
  }
}
