/** A tracker on sockets of this machine, and clients that say anything to it, right or wrong. */
import { Buffer } from "node:buffer"
import * as dgram from "node:dgram"
import * as net from "node:net"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type { Address } from "../../core/base/Address.ts"
import * as Bytes from "../../core/base/Bytes.ts"
import * as Access from "../../core/tracker/Access.ts"
import type { Limits } from "../../core/tracker/ServerLimits.ts"
import * as Udp from "../../core/tracker/Udp.ts"
import * as NodeTrackerHttp from "../../shell/node/NodeTrackerHttp.ts"
import * as NodeUdpListener from "../../shell/node/NodeUdpListener.ts"
import * as PeerStore from "../../shell/PeerStore.ts"
import * as TrackerServer from "../../shell/TrackerServer.ts"
import * as Bencode from "../support/Bencode.ts"

export interface Scene {
  readonly http: Address
  readonly udp: Address
  readonly counters: TrackerServer.TrackerServer["counters"]
  readonly store: typeof PeerStore.PeerStore.Service
}

export interface SceneOptions {
  /** 127.0.0.1 unless it is given; `any`: every address of both families. */
  readonly host?: string
  readonly access?: () => Access.Access
  readonly limits?: Partial<Limits>
  readonly requestTimeoutMs?: number
}

export const SECRET = new Uint8Array(16).fill(7)

/** A tracker with a store in memory, on free ports, until the scope ends. */
export const start = (options: SceneOptions = {}): Effect.Effect<Scene, unknown, Scope.Scope> =>
  Effect.gen(function* () {
    const context = yield* Layer.build(PeerStore.layerMemory({ limits: options.limits ?? {} }))
    const store = Context.get(context, PeerStore.PeerStore)
    const { counters, listening } = yield* TrackerServer.serve({
      store,
      host: options.host === "any" ? undefined : options.host ?? "127.0.0.1",
      httpPort: 0,
      udpPort: 0,
      intervalSeconds: 1_800,
      access: options.access ?? (() => Access.OPEN),
      secret: SECRET,
      startedAtMs: Date.now(),
    }).pipe(Effect.provide(Layer.merge(
      NodeTrackerHttp.layerWith({
        requestTimeoutMs: options.requestTimeoutMs ?? NodeTrackerHttp.REQUEST_TIMEOUT_MS,
      }),
      NodeUdpListener.layer,
    )))
    return { http: listening.http!, udp: listening.udp!, counters, store }
  })

export interface HttpAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
}

/** Everything that comes back for these bytes until the server closes. */
export const raw = (to: Address, request: string, host = "127.0.0.1"): Effect.Effect<Buffer> =>
  Effect.async((resume) => {
    const parts: Array<Buffer> = []
    const socket = net.connect({ host, port: to.port })
    socket.on("data", (part) => parts.push(part))
    socket.on("error", () => {})
    socket.on("close", () => resume(Effect.succeed(Buffer.concat(parts))))
    socket.write(request)
    return Effect.sync(() => socket.destroy())
  })

const parse = (bytes: Buffer): HttpAnswer => {
  const end = bytes.indexOf("\r\n\r\n")
  const [first = "", ...lines] = bytes.toString("latin1", 0, end).split("\r\n")
  const headers = lines.map((line) => {
    const colon = line.indexOf(":")
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const
  })
  return {
    status: Number(first.split(" ")[1]),
    headers: Object.fromEntries(headers),
    body: bytes.subarray(end + 4),
  }
}

/** One GET, or whatever the method is, on a connection of its own. */
export const get = (
  to: Address,
  target: string,
  { host, method = "GET", headers = "" }: {
    readonly host?: string
    readonly method?: string
    readonly headers?: string
  } = {},
): Effect.Effect<HttpAnswer> =>
  Effect.map(
    raw(to, `${method} ${target} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n${headers}\r\n`, host),
    parse,
  )

/** One GET whose answer is bencode. */
export const ask = (to: Address, target: string, host?: string): Effect.Effect<Bencode.Dict> =>
  Effect.map(
    get(to, target, host === undefined ? {} : { host }),
    ({ body }) => Bencode.decode(body) as Bencode.Dict,
  )

export const escape = (bytes: Bytes.Bytes): string => Bytes.toHex(bytes).replace(/../g, "%$&")

export const HASH = Uint8Array.from({ length: 20 }, (_, i) => i * 13)

export const peerId = (n: number): Bytes.Bytes => Bytes.latin1(`-XX0001-${String(n).padStart(12, "0")}`)

/** The path and query of an announce by peer `n`, port 1000 + n; `undefined` leaves a parameter out. */
export const announce = (n: number, changes: Record<string, string | number | undefined> = {}): string => {
  const query = {
    info_hash: escape(HASH),
    peer_id: escape(peerId(n)),
    port: 1000 + n,
    uploaded: 0,
    downloaded: 0,
    left: 1,
    compact: 1,
    ...changes,
  }
  return `/announce?${
    Object.entries(query).flatMap(([name, value]) => value === undefined ? [] : [`${name}=${value}`])
      .join("&")
  }`
}

/** A UDP socket that keeps what it got. */
export interface UdpClient {
  readonly send: (packet: Bytes.Bytes) => Effect.Effect<void>
  /** The next packet that comes, in the order of coming. */
  readonly receive: Effect.Effect<Bytes.Bytes>
  /** What came and was not received yet. */
  readonly waiting: () => number
}

export const udpClient = (to: Address, host = "127.0.0.1"): Effect.Effect<UdpClient, never, Scope.Scope> =>
  Effect.gen(function* () {
    const packets: Array<Bytes.Bytes> = []
    const readers: Array<(packet: Bytes.Bytes) => void> = []
    const socket = yield* Effect.acquireRelease(
      Effect.sync(() => dgram.createSocket(host.includes(":") ? "udp6" : "udp4")),
      (socket) => Effect.sync(() => socket.close()),
    )
    socket.on("message", (packet) => {
      const reader = readers.shift()
      if (reader === undefined) packets.push(packet)
      else reader(packet)
    })
    return {
      send: (packet) =>
        Effect.async((resume) => void socket.send(packet, to.port, host, () => resume(Effect.void))),
      receive: Effect.async((resume) => {
        const packet = packets.shift()
        if (packet !== undefined) resume(Effect.succeed(packet))
        else readers.push((packet) => resume(Effect.succeed(packet)))
      }),
      waiting: () => packets.length,
    }
  })

/** Asks and reads the answer. */
export const exchange = (client: UdpClient, packet: Bytes.Bytes): Effect.Effect<Udp.Reply> =>
  Effect.gen(function* () {
    yield* client.send(packet)
    const reply = Udp.decodeReply(yield* client.receive)
    if (!reply.ok) return yield* Effect.dieMessage(`no reply: ${reply.error}`)
    return reply.value
  })

/** Gets a connection id. */
export const connect = (client: UdpClient): Effect.Effect<Bytes.Bytes> =>
  Effect.flatMap(
    exchange(client, Udp.encodeConnect(1)),
    (reply) =>
      reply._tag === "Connected" ? Effect.succeed(reply.connectionId.slice()) : Effect.dieMessage(reply._tag),
  )

/** Whoever sends this and then gets the answer to it knows that what it sent before was met with silence. */
export const knock = (client: UdpClient): Effect.Effect<void> =>
  Effect.gen(function* () {
    const reply = yield* exchange(client, Udp.encodeConnect(0x6b6e6f63))
    if (reply._tag !== "Connected" || reply.transactionId !== 0x6b6e6f63) {
      return yield* Effect.dieMessage(`an answer that should not be: ${JSON.stringify(reply)}`)
    }
  })
