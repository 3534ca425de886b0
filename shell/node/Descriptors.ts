/** How many descriptors, and so connections, the system allows this process, as far as it tells. */
import * as fs from "node:fs"

/** What else needs descriptors: the runtime, hashing threads, files of torrents, the DHT, the local network. */
const RESERVED = 32

/** Of the rest, half are for connections that have a place: guests, the backlog and files need some for moments. */
const SHARE = 0.5

/** Fewer make no swarm. */
const MIN_CAPACITY = 8

const LIMITS = "/proc/self/limits"

interface Permissions {
  readonly querySync: (asked: { readonly name: "read"; readonly path: string }) => { readonly state: string }
}

/** Deno would ask the user. */
const mayRead = (): boolean => {
  const { Deno: deno } = globalThis as { readonly Deno?: { readonly permissions?: Permissions } }
  return deno === undefined || deno.permissions?.querySync({ name: "read", path: LIMITS }).state === "granted"
}

/** Connections that leave room for a limit of so many open files. */
export const connectionsOf = (openFiles: number): number =>
  Math.max(MIN_CAPACITY, Math.floor((openFiles - RESERVED) * SHARE))

/** The limit of open files; `undefined` where there is none, or the system is none that tells (Linux does). */
export const openFiles = (): number | undefined => {
  try {
    if (!mayRead()) return undefined
    const limit = /^Max open files +(\d+)/m.exec(fs.readFileSync(LIMITS, "latin1"))?.[1]
    return limit === undefined ? undefined : Number(limit)
  } catch {
    return undefined
  }
}

/** Connections that this process may have; `undefined` where nothing is known of it. */
export const capacity = (): number | undefined => {
  const limit = openFiles()
  return limit === undefined ? undefined : connectionsOf(limit)
}
