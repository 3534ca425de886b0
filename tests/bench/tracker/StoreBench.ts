/** The stores without a network in front: in memory, and in Redis with one and with two processes that share it. */
import { fork } from "node:child_process"
import { fileURLToPath } from "node:url"
import * as Process from "../../support/Process.ts"
import * as Redis from "../../support/Redis.ts"
import { cpuSeconds } from "./Cpu.ts"
import type { StoreCase, StoreResult } from "./Stores.ts"

export interface StoreFigures {
  readonly name: string
  /** Of all processes together. */
  readonly announcesPerSec: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** For each announce: in the trackers' processes, and in Redis. */
  readonly cpuMicros: number
  readonly redisCpuMicros?: number
  readonly redisBytesPerPeer?: number
  readonly failed: number
}

export const missing = (): string | undefined => Redis.missing()

const file = fileURLToPath(new URL("stores.mjs", import.meta.url))

interface Worker {
  readonly full: Promise<void>
  readonly go: () => void
  readonly result: Promise<StoreResult>
}

const start = (one: StoreCase): Worker => {
  const child = fork(file, [JSON.stringify(one)], { stdio: ["ignore", "pipe", "inherit", "ipc"] })
  let text = ""
  child.stdout!.setEncoding("utf8").on("data", (chunk: string) => text += chunk)
  const full = new Promise<void>((resolve) => child.once("message", () => resolve()))
  const ended = new Promise<StoreResult>((resolve, reject) => {
    child.on("error", reject)
    child.on("close", (code) => {
      if (code === 0) resolve(JSON.parse(text) as StoreResult)
      else reject(new Error(`a process that announces to a store ended with ${code}`))
    })
  })
  const late = (): string => "a process that announces to a store does not end"
  const result = Process.within(ended, (one.seconds * 4 + 60) * 1000, late).finally(() =>
    child.kill("SIGKILL")
  )
  return { full: Promise.race([full, result.then(() => {})]), go: () => void child.send("go"), result }
}

const together = async (
  name: string,
  one: StoreCase,
  count: number,
  redis?: Redis.Redis,
): Promise<StoreFigures> => {
  const usedBytes = async (): Promise<number> =>
    Number(/used_memory:(\d+)/.exec(await redis!.ask("INFO memory"))?.[1])
  const emptyBytes = redis === undefined ? 0 : await usedBytes()
  const workers = Array.from({ length: count }, () => start(one))
  await Promise.all(workers.map(({ full }) => full))
  const bytes = redis === undefined ? 0 : await usedBytes()
  const redisBefore = redis === undefined ? 0 : cpuSeconds([redis.pid])
  for (const { go } of workers) go()
  const results = await Promise.all(workers.map(({ result }) => result))
  const redisCpu = redis === undefined ? 0 : cpuSeconds([redis.pid]) - redisBefore
  const sum = (of: (result: StoreResult) => number): number =>
    results.reduce((total, one) => total + of(one), 0)
  const announcesPerSec = sum((result) => result.announcesPerSec)
  return {
    name,
    announcesPerSec,
    p50Ms: Math.max(...results.map(({ p50Ms }) => p50Ms)),
    p99Ms: Math.max(...results.map(({ p99Ms }) => p99Ms)),
    cpuMicros: sum((result) => result.cpuMicros) / count,
    ...(redis && {
      redisCpuMicros: redisCpu * 1e6 / (announcesPerSec * one.seconds),
      redisBytesPerPeer: (bytes - emptyBytes) / one.workload.peers,
    }),
    failed: sum(({ failed }) => failed),
  }
}

/** Each store in turn, with fresh processes. */
export const measure = async (one: Omit<StoreCase, "redisUrl">): Promise<ReadonlyArray<StoreFigures>> => {
  const figures = [await together("in memory", one, 1)]
  if (missing() !== undefined) return figures
  for (const count of [1, 2]) {
    await using redis = await Redis.start()
    const name = `in Redis, ${count} ${count === 1 ? "process" : "processes"}`
    figures.push(await together(name, { ...one, redisUrl: redis.url }, count, redis))
  }
  return figures
}
