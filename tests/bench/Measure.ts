/** What a command costs from its start to its end, as the kernel counts it. */
import { fileURLToPath } from "node:url"
import * as Libtorrent from "../support/Libtorrent.ts"
import * as Process from "../support/Process.ts"
import * as Shoal from "../support/Shoal.ts"

const script = fileURLToPath(new URL("measure.py", import.meta.url))

export interface Cost {
  readonly seconds: number
  /** User and system time, of all threads. */
  readonly cpuSeconds: number
  readonly peakBytes: number
  /** What it said on standard output. */
  readonly out: string
}

/** Runs `command` with `home` for files of its own; fails unless it ends with 0. */
export const run = async (name: string, command: ReadonlyArray<string>, home: string): Promise<Cost> => {
  const python = Libtorrent.python()
  if (python === undefined) throw new Error(`costs are taken by Python; ${Libtorrent.missing()}`)
  await using child = Process.start(python, [script, ...command], {
    name,
    env: { ...Shoal.homeEnv(home), NO_COLOR: "1" },
  })
  await child.exited
  const lines = child.stdout().trimEnd().split("\n")
  const last = lines.pop() ?? ""
  const cost = last.startsWith('{"code"') ? JSON.parse(last) as Record<string, number> : undefined
  if (cost?.["code"] !== 0) throw new Error(`${name} failed\n${Process.report(child)}`)
  return {
    seconds: cost["seconds"]!,
    cpuSeconds: cost["user"]! + cost["system"]!,
    peakBytes: cost["peakBytes"]!,
    out: lines.join("\n"),
  }
}
