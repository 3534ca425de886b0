/**
 * A node of the DHT on a UDP socket of this machine that remembers what it is asked, and answers honestly, not at all, or in one of
 * the ways that nodes go wrong. Its messages are written by hand, apart from shoal's own codec.
 */
import { Buffer } from "node:buffer"
import { randomBytes } from "node:crypto"
import { createSocket } from "node:dgram"
import * as Bencode from "./Bencode.ts"

export interface Query {
  /** As BEP 5 names it: `ping`, `find_node`, `get_peers`, `announce_peer`. */
  readonly method: string
  /** The hash that it is about, hex; `""` where it names none. */
  readonly infoHash: string
  readonly from: { readonly host: string; readonly port: number }
  readonly transaction: Buffer
}

export interface FakeNode {
  /** `host:port`. */
  readonly address: string
  readonly stats: {
    queries: number
    /** Those that concern a torrent, in the order they came. */
    readonly torrents: Array<Query>
    /** Messages that are answers, or can't be read. */
    others: number
  }
  /** The names of what the last answer said. */
  readonly last: () => ReadonlySet<string>
  readonly send: (bytes: Uint8Array, to: { readonly host: string; readonly port: number }) => void
  readonly stop: () => Promise<void>
  readonly [Symbol.asyncDispose]: () => Promise<void>
}

export interface Behaviour {
  /** An address of this machine; 127.0.0.1 unless given. */
  readonly host?: string
  /** Answers as a node without neighbours does, with a token; else it is silent unless `onQuery` says something. */
  readonly answers?: boolean
  /** Hears each query, before it is answered. */
  readonly onQuery?: (query: Query, node: FakeNode, id: Buffer) => void
}

/** A reply to a query, with what else it is to say. */
export const reply = (query: Query, fields: { readonly [key: string]: Bencode.Input }): Buffer =>
  Bencode.encode({ t: query.transaction, y: "r", r: fields })

export const start = async (
  { answers = false, host = "127.0.0.1", onQuery = () => {} }: Behaviour,
): Promise<FakeNode> => {
  const socket = createSocket("udp4")
  const id = randomBytes(20)
  let last: ReadonlySet<string> = new Set()
  const stats: FakeNode["stats"] = { queries: 0, torrents: [], others: 0 }
  const send: FakeNode["send"] = (bytes, { host, port }) => socket.send(bytes, port, host, () => {})
  socket.on("message", (bytes, { address, port }) => {
    const query = read(bytes, { host: address, port })
    if (query === undefined) {
      stats.others++
      last = fieldsOf(bytes)
      return
    }
    stats.queries++
    if (query.infoHash !== "") stats.torrents.push(query)
    onQuery(query, node, id)
    if (answers) send(reply(query, { id, nodes: Buffer.alloc(0), token: "token" }), query.from)
  })
  await new Promise<void>((resolve) => socket.bind(0, host, resolve))
  const stop = (): Promise<void> => new Promise((resolve) => socket.close(() => resolve()))
  const node: FakeNode = {
    address: `${host}:${socket.address().port}`,
    stats,
    last: () => last,
    send,
    stop,
    [Symbol.asyncDispose]: stop,
  }
  return node
}

const read = (bytes: Uint8Array, from: Query["from"]): Query | undefined => {
  try {
    const message = Bencode.decode(bytes) as Bencode.Dict
    if (String(message["y"]) !== "q") return undefined
    const infoHash = (message["a"] as Bencode.Dict)["info_hash"] as Buffer | undefined
    return {
      method: String(message["q"]),
      infoHash: infoHash?.toString("hex") ?? "",
      transaction: message["t"] as Buffer,
      from,
    }
  } catch {
    return undefined
  }
}

/** What an answer says; nothing if it can't be read. */
const fieldsOf = (bytes: Uint8Array): ReadonlySet<string> => {
  try {
    return new Set(Object.keys((Bencode.decode(bytes) as Bencode.Dict)["r"] as Bencode.Dict))
  } catch {
    return new Set()
  }
}
