/**
 * The machines of a simulated network: who has which address, how fast each line is, who can reach whom. What travels
 * between them is in `Stream.ts` and `SimDatagram.ts`.
 */
import type { Address } from "../../core/base/Address.ts"
import * as Rng from "../../core/base/Rng.ts"
import { type Millis } from "../../core/base/Time.ts"
import * as Chance from "../../core/sim/Chance.ts"
import type { Bytes } from "../../core/base/Bytes.ts"
import type { OnConnection } from "../Connection.ts"
import type { DatagramHandlers } from "../Datagram.ts"
import type { HttpServe } from "../TrackerHttp.ts"
import type { Process } from "./Process.ts"
import type { End } from "./Stream.ts"
import * as World from "./World.ts"

/** A machine's access to the network. */
export interface Line {
  /** Bytes a second; 0: unlimited. */
  readonly uploadRateBytesPerSec: number
  readonly downloadRateBytesPerSec: number
  /** One way, to the middle of the network. */
  readonly latencyMs: Millis
}

/** What a network does to datagrams, and to the boundaries that streams don't have. */
export interface Weather {
  /** Shares of all datagrams, from 0 to 1. */
  readonly lossPart: number
  readonly duplicatePart: number
  /** On top of the latency, at most: what makes datagrams overtake each other. */
  readonly jitterMs: Millis
  /** Streams are cut at random places, instead of as they were written. */
  readonly isCutting: boolean
}

/** Nothing is lost, doubled or overtaken. */
export const CALM: Weather = { lossPart: 0, duplicatePart: 0, jitterMs: 0, isCutting: false }

export interface Bound {
  readonly process: Process
  readonly handlers: DatagramHandlers
}

/** Mutable, owned by the network. */
export interface Host {
  readonly network: Network
  readonly index: number
  /** IPv4, and the only address besides those of loopback. */
  readonly ip: string
  readonly line: Line
  /** Nobody can connect to it, and of datagrams it hears the answers to its own. */
  readonly isBehindNat: boolean
  isUp: boolean
  /** By `ip:port`, `*:port` for all addresses. */
  readonly listeners: Map<string, { readonly process: Process; readonly onConnection: OnConnection }>
  readonly webServers: Map<string, { readonly process: Process; readonly serve: HttpServe }>
  /** By `family:port` for sockets on every address, by `ip:port` for others. */
  readonly sockets: Map<string, Bound>
  /** Where it has sent datagrams to, which its router lets answer. */
  readonly contacts: Set<string>
  /** Ends of streams that are open here, in the order of opening. */
  readonly ends: Set<End>
  uploadFreeAt: Millis
  downloadFreeAt: Millis
  /** Until then nothing gets out or in. */
  cutUntil: Millis
  nextPort: number
}

export interface Network {
  readonly world: World.World
  weather: Weather
  readonly hosts: Map<string, Host>
  /** Addresses of names; `localhost` has its own everywhere. */
  readonly names: Map<string, ReadonlyArray<string>>
  readonly rng: Rng.Rng
  streams: number
}

export const make = (world: World.World, weather: Weather = CALM): Network => ({
  world,
  weather,
  hosts: new Map(),
  names: new Map(),
  rng: World.chance(world, "cuts"),
  streams: 0,
})

/** First of the ports that are given out (RFC 6335, section 6). */
const FIRST_DYNAMIC_PORT = 49_152

/** A line that costs nothing. */
export const LOOPBACK_LINE: Line = { uploadRateBytesPerSec: 0, downloadRateBytesPerSec: 0, latencyMs: 0 }

/** Adds a machine, switched on. Each is in a network of its own: 20.0.0.1, 20.0.1.1, 20.0.2.1 and so on. */
export const addHost = (
  network: Network,
  { isBehindNat = false, line = LOOPBACK_LINE }: { readonly line?: Line; readonly isBehindNat?: boolean } =
    {},
): Host => {
  const index = network.hosts.size
  const host: Host = {
    network,
    index,
    ip: `20.${(index >>> 8) & 255}.${index & 255}.1`,
    line,
    isBehindNat,
    isUp: true,
    listeners: new Map(),
    webServers: new Map(),
    sockets: new Map(),
    contacts: new Set(),
    ends: new Set(),
    uploadFreeAt: 0,
    downloadFreeAt: 0,
    cutUntil: 0,
    nextPort: FIRST_DYNAMIC_PORT,
  }
  network.hosts.set(host.ip, host)
  return host
}

export const LOOPBACK = { 4: "127.0.0.1", 6: "::1" } as const
const ANY: ReadonlySet<string> = new Set(["0.0.0.0", "::"])

export const isAny = (ip: string): boolean => ANY.has(ip)
const isLoopback = (ip: string): boolean => ip === LOOPBACK[4] || ip === LOOPBACK[6]

/** Whether a machine has this address, or all of them are meant. */
export const isOwn = (host: Host, ip: string): boolean => isAny(ip) || isLoopback(ip) || ip === host.ip

/** The machine that an address means to `from`; `undefined`: none. */
export const hostOf = (from: Host, ip: string): Host | undefined =>
  isLoopback(ip) ? from : from.network.hosts.get(ip)

/** The addresses of a name or literal; `undefined` where there are none. */
export const resolve = ({ names }: Network, name: string): ReadonlyArray<string> | undefined => {
  if (name.includes(":") || /^\d+(\.\d+){3}$/.test(name)) return [name]
  return names.get(name) ?? (name === "localhost" ? [LOOPBACK[4], LOOPBACK[6]] : undefined)
}

/** The address that a machine uses towards `to`. */
export const addressTowards = (host: Host, to: string): string => isLoopback(to) ? to : host.ip

export const latencyMs = (from: Host, to: Host): Millis =>
  from === to ? 0 : from.line.latencyMs + to.line.latencyMs

/** Before this nothing that `from` sends arrives at `to`. */
export const cutUntil = (from: Host, to: Host): Millis =>
  from === to ? 0 : Math.max(from.cutUntil, to.cutUntil)

/** Whether a packet that leaves now arrives. */
export const isConnected = (from: Host, to: Host): boolean =>
  from.isUp && to.isUp && cutUntil(from, to) <= World.now(from.network.world)

/** How long bytes take the sender's line for themselves; gives when the last of them has left. */
export const upload = (host: Host, to: Host, bytes: number): Millis => {
  const now = World.now(host.network.world)
  const rate = host.line.uploadRateBytesPerSec
  if (host === to || rate === 0) return now
  host.uploadFreeAt = Math.max(now, host.uploadFreeAt) + bytes * 1_000 / rate
  return host.uploadFreeAt
}

/** Likewise the receiver's. */
export const download = (host: Host, from: Host, bytes: number): Millis => {
  const now = World.now(host.network.world)
  const rate = host.line.downloadRateBytesPerSec
  if (host === from || rate === 0) return now
  host.downloadFreeAt = Math.max(now, host.downloadFreeAt) + bytes * 1_000 / rate
  return host.downloadFreeAt
}

/** A port that nobody on this machine has been given yet. */
export const newPort = (host: Host): number => host.nextPort++

/** How many of `most` bytes are sent at a time. */
export const cut = ({ rng, weather }: Network, most: number): number =>
  weather.isCutting ? 1 + Rng.below(rng, most) : most

/** True for this share of the times. */
export const isLucky = ({ rng }: Network, part: number): boolean => part > 0 && Chance.isLucky(rng, part)

/** What is listening at an address of a machine, on that address or on all. */
export const lookUp = <A>(table: ReadonlyMap<string, A>, { host, port }: Address): A | undefined =>
  table.get(`${host}:${port}`) ?? table.get(`*:${port}`)

/** Takes a place in a table of listeners until it is released; `undefined` where it is taken. */
export const occupy = <A>(
  table: Map<string, A>,
  { host, port }: Address,
  value: A,
): (() => void) | undefined => {
  const suffix = `:${port}`
  const isTaken = isAny(host)
    ? [...table.keys()].some((key) => key.endsWith(suffix))
    : table.has(`${host}${suffix}`) || table.has(`*${suffix}`)
  if (isTaken) return undefined
  const key = isAny(host) ? `*${suffix}` : `${host}${suffix}`
  table.set(key, value)
  return () => {
    if (table.get(key) === value) table.delete(key)
  }
}

/** A short mark of bytes for the journal. */
export const mark = (bytes: Bytes): string => {
  let sum = 0
  for (let i = 0; i < bytes.length; i++) sum = (Math.imul(sum, 31) + bytes[i]!) | 0
  return `${bytes.length} bytes ${(sum >>> 0).toString(16)}`
}
