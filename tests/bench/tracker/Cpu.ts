/** What processes cost, as Linux tells it. */
import { readFileSync } from "node:fs"

/** USER_HZ, in which Linux tells programs of time, whatever the kernel's own ticks are. */
const TICKS_PER_SEC = 100

/** Seconds of processor time, user and system, that these processes had so far. */
export const cpuSeconds = (pids: ReadonlyArray<number>): number => {
  let ticks = 0
  for (const pid of pids) {
    // The name, in brackets, may have spaces.
    const fields = readFileSync(`/proc/${pid}/stat`, "latin1").replace(/^.*\) /, "").split(" ")
    ticks += Number(fields[11]) + Number(fields[12])
  }
  return ticks / TICKS_PER_SEC
}

/** Resident bytes of these processes now. */
export const residentBytes = (pids: ReadonlyArray<number>): number =>
  pids.reduce((sum, pid) => {
    const match = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "latin1"))
    return sum + Number(match?.[1] ?? 0) * 1024
  }, 0)
