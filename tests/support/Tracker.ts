/** Trackers for tests: a small one that remembers what it was told, and opentracker (Debian: opentracker). */
import { Buffer } from "node:buffer"
import { chmodSync, writeFileSync } from "node:fs"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import * as Bencode from "./Bencode.ts"
import * as Clients from "./Clients.ts"
import * as Http from "./Http.ts"
import * as Process from "./Process.ts"
import * as TempDir from "./TempDir.ts"

export interface Announce {
  /** Lower-case hex. */
  readonly infoHash: string
  readonly peerId: string
  readonly port: number
  readonly uploaded: number
  readonly downloaded: number
  readonly left: number
  /** `""` for the regular ones in between. */
  readonly event: string
  readonly compact: boolean
}

export interface Tracker {
  /** The announce URL. */
  readonly url: string
  /** In the order they came. */
  readonly announces: ReadonlyArray<Announce>
  /** Waits for an announce that is so, past or future. */
  readonly announced: (
    what: string,
    is: (announce: Announce) => boolean,
    timeoutMs?: number,
  ) => Promise<Announce>
  readonly stop: () => Promise<void>
  readonly [Symbol.asyncDispose]: () => Promise<void>
}

export interface Options {
  /** `host:port` of peers that are always in the reply, besides those that announced themselves. */
  readonly peers?: ReadonlyArray<string>
  /** `dictionary` replies with a list of dictionaries even where compact was asked for (BEP 3). */
  readonly reply?: "compact" | "dictionary"
  readonly intervalSeconds?: number
  /** Answers in a way that no client can use: with this failure reason, with a web page, or never. */
  readonly fault?: { readonly failureReason: string } | "html" | "silent"
}

/** Starts an HTTP tracker on a free port of 127.0.0.1 that gives every torrent's peers to each other. */
export const start = async (options: Options = {}): Promise<Tracker> => {
  const announces: Array<Announce> = []
  const swarms = new Map<string, Set<string>>()
  const listeners = new Set<() => void>()

  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    const query = parseQuery(request.url ?? "/")
    const infoHash = query.get("info_hash")
    if (infoHash === undefined) return void response.writeHead(404).end()
    const announce: Announce = {
      infoHash: Buffer.from(infoHash, "latin1").toString("hex"),
      peerId: query.get("peer_id") ?? "",
      port: Number(query.get("port")),
      uploaded: Number(query.get("uploaded")),
      downloaded: Number(query.get("downloaded")),
      left: Number(query.get("left")),
      event: query.get("event") ?? "",
      compact: query.get("compact") === "1",
    }
    announces.push(announce)
    listeners.forEach((listener) => listener())
    if (options.fault === "silent") return
    if (options.fault === "html") return void response.end("<html><body>Sign in to the network</body></html>")
    if (options.fault !== undefined) {
      return void response.end(Bencode.encode({ "failure reason": options.fault.failureReason }))
    }
    const swarm = swarms.get(infoHash) ?? new Set()
    swarms.set(infoHash, swarm)
    const self = `${request.socket.remoteAddress?.replace("::ffff:", "")}:${announce.port}`
    const others = [...new Set([...options.peers ?? [], ...swarm])].filter((peer) => peer !== self)
    if (announce.event === "stopped") swarm.delete(self)
    else swarm.add(self)
    response.end(Bencode.encode({
      interval: options.intervalSeconds ?? 1800,
      complete: others.length,
      incomplete: 1,
      peers: options.reply === "dictionary"
        ? others.map((peer, index) => ({ ...split(peer), "peer id": String(index).padStart(20, "-") }))
        : Buffer.concat(others.map(compact)),
    }))
  }

  const server = createServer(answer)
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const stop = async (): Promise<void> => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/announce`,
    announces,
    announced: async (what, is, timeoutMs = 20_000) => {
      let listener = (): void => {}
      const found = new Promise<Announce>((resolve) => {
        listener = () => {
          const match = announces.find(is)
          if (match !== undefined) resolve(match)
        }
        listeners.add(listener)
        listener()
      })
      const why = (): string => `the tracker got no announce with ${what}, but ${JSON.stringify(announces)}`
      return await Process.within(found, timeoutMs, why).finally(() => listeners.delete(listener))
    },
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

/** Percent-decodes byte by byte, as latin-1: `URLSearchParams` would read the info-hash as UTF-8. */
const parseQuery = (url: string): ReadonlyMap<string, string> => {
  const query = new Map<string, string>()
  for (const field of url.slice(url.indexOf("?") + 1).split("&")) {
    const [name, value = ""] = field.split("=")
    query.set(
      name!,
      value.replace(/%([0-9a-fA-F]{2})/g, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16))),
    )
  }
  return query
}

const split = (peer: string): { ip: string; port: number } => {
  const colon = peer.lastIndexOf(":")
  return { ip: peer.slice(0, colon), port: Number(peer.slice(colon + 1)) }
}

const compact = (peer: string): Buffer => {
  const { ip, port } = split(peer)
  return Buffer.from([...ip.split(".").map(Number), port >> 8, port & 255])
}

export interface OpenTracker {
  readonly http: string
  readonly udp: string
  readonly log: () => string
  readonly stop: () => Promise<void>
  readonly [Symbol.asyncDispose]: () => Promise<void>
}

export const openTrackerMissing = (): string | undefined => Clients.missing("opentracker")

/** Starts opentracker for these info-hashes (hex): Debian builds it to serve none but those on a list. */
export const openTracker = async (infoHashes: ReadonlyArray<string>): Promise<OpenTracker> => {
  const temp = TempDir.make("opentracker")
  // as root it goes on as "nobody" inside this folder
  chmodSync(temp.path, 0o755)
  writeFileSync(join(temp.path, "whitelist"), infoHashes.map((hash) => `${hash}\n`).join(""))
  const port = await Process.freePort()
  const child = Process.start("opentracker", [
    ...["-i", "127.0.0.1", "-p", String(port), "-P", String(port), "-d", temp.path, "-w", "whitelist"],
  ], { cwd: temp.path })
  await Clients.whenReady(child, Process.listening(child, port), temp.remove)
  const stop = async (): Promise<void> => {
    await child.stop()
    temp.remove()
  }
  return {
    http: `http://127.0.0.1:${port}/announce`,
    udp: `udp://127.0.0.1:${port}/announce`,
    log: () => Process.report(child),
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

/** Waits until opentracker knows `count` seeders of the torrent, as its scrape tells. */
export const scraped = (tracker: OpenTracker, infoHash: string, count: number): Promise<true> =>
  Process.until(`opentracker knows ${count} seeders`, async () => {
    const escaped = infoHash.replace(/../g, "%$&")
    const reply = await Http.getDict(`${tracker.http.replace("announce", "scrape")}?info_hash=${escaped}`)
    const [torrent] = Object.values(reply["files"] as Record<string, Bencode.Dict>)
    return (torrent?.["complete"] as number | undefined ?? 0) >= count ? true : undefined
  })
