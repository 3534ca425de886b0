/** Peer ids: ours, and the client's name that the others' follow from by convention (BEP 20). */
import { assert } from "../base/Assert.ts"
import * as Bytes from "../base/Bytes.ts"

/** Azureus style: SH for shoal, then the version 0.1.0.0. */
const OURS = "-SH0100-"
const RANDOM_BYTES = 12

/** 64 characters that no URL has to escape, so that each takes six random bits and the tracker request stays short. */
const ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz._"

/** Our peer id, 20 printable characters; `random` gives at least 12 bytes, the same ones the same id. */
export const make = (random: Bytes.Bytes): Bytes.Bytes => {
  assert(random.length >= RANDOM_BYTES, "a peer id takes 12 random bytes")
  let tail = ""
  for (let i = 0; i < RANDOM_BYTES; i++) tail += ALPHABET[random[i]! & 63]!
  return Bytes.latin1(OURS + tail)
}

/**
 * The program behind a peer id, for people, as "qBittorrent 4.2.5". A program that isn't known is shown by the
 * printable start of its id. Total on any bytes; the result has no control characters and is never empty.
 */
export const clientName = (peerId: Bytes.Bytes): string => {
  const id = Bytes.toLatin1(peerId.subarray(0, 20))
  return azureus(id) ?? dashed(id) ?? shadow(id) ?? unknown(id)
}

type Version = (digits: string) => string | undefined

/** One character a part, A as 10: three parts, and the fourth if it is another digit than 0. */
const dotted: Version = (digits) => {
  if (!/^[0-9A-Za-z]{3}/.test(digits)) return undefined
  const parts = [...digits.slice(0, 3)].map((digit) => Number.parseInt(digit, 36))
  return parts.join(".") + (/^[1-9]$/.test(digits.charAt(3)) ? `.${digits.charAt(3)}` : "")
}

/** Two characters for the first part, two for the second, as BitComet's 1.07. */
const padded: Version = (digits) =>
  /^\d{4}$/.test(digits) ? `${Number(digits.slice(0, 2))}.${digits.slice(2)}` : undefined

/** The same, the second part a number, as WebTorrent's 2.5. */
const pairs: Version = (digits) =>
  /^\d{4}$/.test(digits) ? `${Number(digits.slice(0, 2))}.${Number(digits.slice(2))}` : undefined

/** 0.72, then 2.94 (with a + for builds between releases), since 4 one character a part with a as 36. */
const transmission: Version = (digits) => {
  const major = digits.charAt(0)
  if (major >= "4" && /^\d[0-9A-Za-z]{2}/.test(digits)) {
    return `${major}.${base62(digits.charAt(1))}.${base62(digits.charAt(2))}`
  }
  if (/^00\d\d$/.test(digits)) return `0.${Number(digits)}`
  if (!/^\d{3}/.test(digits)) return undefined
  return `${major}.${digits.slice(1, 3)}${/^[XZ]$/.test(digits.charAt(3)) ? "+" : ""}`
}

const base62 = (digit: string): number => ALPHABET.indexOf(digit)

/** The clients that say so as `-XX1234-`. */
const AZUREUS: ReadonlyMap<string, readonly [name: string, version: Version]> = new Map([
  ["AZ", ["Vuze", dotted]],
  ["BC", ["BitComet", padded]],
  ["BI", ["BiglyBT", dotted]],
  ["BL", ["BitLord", dotted]],
  ["BT", ["BitTorrent", dotted]],
  ["BW", ["BitTorrent Web", dotted]],
  ["CD", ["Enhanced CTorrent", dotted]],
  ["DE", ["Deluge", dotted]],
  ["FD", ["Free Download Manager", dotted]],
  ["FW", ["FrostWire", dotted]],
  ["GT", ["anacrolix/torrent", dotted]],
  ["HL", ["Halite", dotted]],
  ["KG", ["KGet", dotted]],
  ["KT", ["KTorrent", dotted]],
  ["LP", ["Lphant", dotted]],
  ["LT", ["libtorrent", dotted]],
  ["LW", ["LimeWire", dotted]],
  ["Lr", ["LibreTorrent", dotted]],
  ["MO", ["MonoTorrent", dotted]],
  ["MR", ["Miro", dotted]],
  ["PI", ["PicoTorrent", dotted]],
  ["RN", ["rain", dotted]],
  ["SD", ["Xunlei", dotted]],
  ["SH", ["shoal", dotted]],
  ["SZ", ["Shareaza", dotted]],
  ["TL", ["Tribler", dotted]],
  ["TR", ["Transmission", transmission]],
  ["TX", ["Tixati", dotted]],
  ["UE", ["µTorrent Embedded", dotted]],
  ["UM", ["µTorrent Mac", dotted]],
  ["UT", ["µTorrent", dotted]],
  ["UW", ["µTorrent Web", dotted]],
  ["WD", ["WebTorrent Desktop", pairs]],
  ["WW", ["WebTorrent", pairs]],
  ["XL", ["Xunlei", dotted]],
  ["lt", ["rTorrent", dotted]],
  ["qB", ["qBittorrent", dotted]],
  ["rQ", ["rqbit", dotted]],
])

const azureus = (id: string): string | undefined => {
  const client = id.startsWith("-") ? AZUREUS.get(id.slice(1, 3)) : undefined
  return client && named(client[0], client[1](id.slice(3, 7)))
}

/** `M7-10-5--`: parts of any number of digits. */
const DASHED: ReadonlyMap<string, string> = new Map([["A2-", "aria2"], ["M", "BitTorrent"], [
  "Q",
  "Queen Bee",
]])

const dashed = (id: string): string | undefined => {
  const match = /^(A2-|M|Q)(\d+)-(\d+)-(\d+)-/.exec(id)
  return match === null ? undefined : named(DASHED.get(match[1]!)!, `${match[2]}.${match[3]}.${match[4]}`)
}

/** `S58B-----`: one letter, then one character a part, then dashes (Shadow's client and its relatives). */
const SHADOW: ReadonlyMap<string, string> = new Map([
  ["A", "ABC"],
  ["O", "Osprey"],
  ["Q", "BTQueue"],
  ["R", "Tribler"],
  ["S", "Shadow"],
  ["T", "BitTornado"],
  ["U", "UPnP NAT BT"],
])

const shadow = (id: string): string | undefined => {
  const match = /^([AOQRSTU])([0-9A-Za-z]{2,5})--/.exec(id)
  if (match === null) return undefined
  return named(SHADOW.get(match[1]!)!, [...match[2]!].map(base62).join("."))
}

const named = (name: string, version: string | undefined): string =>
  version === undefined ? name : `${name} ${version}`

/** The first 8 characters, where all conventions put the client. */
const unknown = (id: string): string => {
  const start = id.slice(0, 8).replace(/[^\x20-\x7e]/g, ".").trim()
  return /[0-9A-Za-z]/.test(start) ? start : "unknown"
}
