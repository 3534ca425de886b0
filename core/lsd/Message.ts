/** The announce of local service discovery: a few lines in the shape of an HTTP request, sent to a multicast group (BEP 14). */
import type { Address } from "../base/Address.ts"
import * as Bytes from "../base/Bytes.ts"
import * as InfoHash from "../metainfo/InfoHash.ts"
import type { InfoHash as Hash } from "../metainfo/Metainfo.ts"

export type Family = "ipv4" | "ipv6"

/** Where announces are sent, and heard (BEP 14). */
export const GROUPS: Readonly<Record<Family, Address>> = {
  ipv4: { host: "239.192.152.143", port: 6771 },
  ipv6: { host: "ff15::efc0:988f", port: 6771 },
}

export interface Announce {
  /** TCP port that the sender listens on. */
  readonly port: number
  /** What the sender takes part in, at least one, each once. */
  readonly infoHashes: ReadonlyArray<Hash>
  /** By which a sender knows its own announces when they come back to it. */
  readonly cookie: string | undefined
}

/** An announce fits an Ethernet frame, so that it is never fragmented (BEP 14). */
export const MAX_BYTES = 1_400

/** With the longest host and port that we write, and our cookie: 86 + 26 × 52 bytes. */
export const MAX_INFO_HASHES = 24

const REQUEST = "BT-SEARCH * HTTP/1.1"

/** The announce to a group; at most {@link MAX_INFO_HASHES}. */
export const encode = (family: Family, { cookie, infoHashes, port }: Announce): Bytes.Bytes => {
  const group = GROUPS[family]
  const host = family === "ipv6" ? `[${group.host}]` : group.host
  return Bytes.latin1([
    REQUEST,
    `Host: ${host}:${group.port}`,
    `Port: ${port}`,
    ...infoHashes.map((infoHash) => `Infohash: ${infoHash}`),
    ...(cookie === undefined ? [] : [`cookie: ${cookie}`]),
    "\r\n\r\n",
  ].join("\r\n"))
}

/**
 * What a datagram announces; `undefined` where it is no announce, lacks a usable port, or names no torrent. Headers are
 * read as those of HTTP are: in any case and order, unknown ones ignored; a hash that is none is left out.
 */
export const decode = (bytes: Bytes.Bytes): Announce | undefined => {
  if (bytes.length > MAX_BYTES) return undefined
  const [request, ...lines] = Bytes.toLatin1(bytes).split(/\r?\n/)
  if (request !== REQUEST) return undefined
  let port = 0
  let cookie: string | undefined
  const infoHashes = new Set<Hash>()
  for (const line of lines) {
    if (line === "") break
    const colon = line.indexOf(":")
    const value = line.slice(colon + 1).trim()
    switch (line.slice(0, colon).trim().toLowerCase()) {
      case "port":
        if (/^\d{1,5}$/.test(value)) port = Number(value)
        break
      case "infohash": {
        const infoHash = value.length === 40 ? InfoHash.parse(value) : undefined
        if (infoHash !== undefined) infoHashes.add(infoHash)
        break
      }
      case "cookie":
        cookie = value
    }
  }
  if (port < 1 || port > 65_535 || infoHashes.size === 0) return undefined
  return { port, infoHashes: [...infoHashes], cookie }
}
