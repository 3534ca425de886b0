/** URLs of trackers: their parts, what of them may be shown, and what a UDP tracker needs of one. */
import * as Address from "../base/Address.ts"
import { type Bytes, concat, toLatin1, utf8 } from "../base/Bytes.ts"
import * as IpText from "../base/IpText.ts"
import { err, ok, type Result } from "../base/Result.ts"
import * as Announce from "./Announce.ts"

export interface UrlParts {
  /** Lower case. */
  readonly scheme: string
  /** With user, password and port, if any. */
  readonly authority: string
  /** Empty, or from its `/` on. */
  readonly path: string
  /** Without its `?`. */
  readonly query: string
}

/** Splits a URL as RFC 3986, appendix B; torrents bring blanks around theirs. Without scheme or host it is none. */
export const split = (url: string): UrlParts | undefined => {
  const match = /^([a-z][a-z0-9+.-]*):\/\/([^/?#\s\\\p{Cc}]+)(\/[^?#]*)?(?:\?([^#]*))?(?:#.*)?$/isu
    .exec(url.trim())
  if (match === null) return undefined
  return {
    scheme: match[1]!.toLowerCase(),
    authority: match[2]!,
    path: match[3] ?? "",
    query: match[4] ?? "",
  }
}

/** Every byte but the unreserved ones of RFC 3986 as `%XX`. */
export const percentEncode = (bytes: Bytes): string =>
  toLatin1(bytes).replace(/[^A-Za-z0-9\-._~]/g, (character) => percent(character.charCodeAt(0)))

const percent = (byte: number): string => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`

/** What may not stand in a URL (blanks, quotes, beyond ASCII) as `%XX` of its UTF-8; escapes that are there stay. */
export const ascii = (text: string): string =>
  text.replace(/[^!#-;=?-~]/gu, (character) => Array.from(utf8(character), percent).join(""))

const HIDDEN = "***"

/**
 * A URL as it may be logged or shown: user and password removed; query values and parts of the path that are long
 * enough to be a passkey hidden. What is no URL is hidden whole.
 */
export const redact = (url: string): string => {
  const parts = split(url)
  if (parts === undefined) return HIDDEN
  const host = parts.authority.slice(parts.authority.lastIndexOf("@") + 1)
  const path = parts.path.split("/").map((part) => isSecret(part) ? HIDDEN : part).join("/")
  const query = parts.query.split("&").filter((pair) => pair !== "").map((pair) =>
    pair.includes("=") ? `${pair.slice(0, pair.indexOf("="))}=${HIDDEN}` : HIDDEN
  )
  return Announce.printable(
    `${parts.scheme}://${host}${path}${query.length > 0 ? `?${query.join("&")}` : ""}`,
  )
}

/** Passkeys are 16 to 40 letters and digits. `announce.php` and `tracker` are neither long nor mixed. */
const isSecret = (part: string): boolean => part.length >= 16 || (part.length >= 8 && /\d/.test(part))

/** Another try with the same URL cannot help. */
export const badUrl = (message: string): Result<never, Announce.TrackerFailure> =>
  err(Announce.failure("BadUrl", message, "never"))

export interface UdpTracker {
  /** A name or an IP literal, the latter as every system writes it, so that it equals the sender of a reply. */
  readonly address: Address.Address
  /** Path and query in ASCII, empty if the URL has none (BEP 41). */
  readonly urlData: Bytes
}

/** Longest path and query that fits into a packet that no network cuts, four options of BEP 41. */
export const MAX_URL_DATA_BYTES = 1_020

/**
 * Reads the URL of a UDP tracker (BEP 15 and 41): the port must be there, for UDP trackers have no usual one. User and
 * password have no place in the protocol and are dropped.
 *
 * Almost any address will do, the shell leaves out link-local ones: before a tracker has answered in its protocol, it gets
 * 16 bytes of which a torrent can choose none, so that no other service can be made to do anything, as `Destination.ts`
 * has to prevent over HTTP.
 */
export const udpTracker = (url: string): Result<UdpTracker, Announce.TrackerFailure> => {
  const parts = split(url)
  if (parts === undefined) return badUrl("this is not a URL")
  if (parts.scheme !== "udp") return badUrl(`${parts.scheme.toUpperCase()} is not UDP`)
  const address = Address.parse(parts.authority.slice(parts.authority.lastIndexOf("@") + 1))
  if (address === undefined) return badUrl("the URL of a UDP tracker needs a host and a port")
  const path = parts.path === "/" ? "" : parts.path
  const urlData = utf8(ascii(parts.query === "" ? path : `${path || "/"}?${parts.query}`))
  if (urlData.length > MAX_URL_DATA_BYTES) return badUrl("its path is too long for a UDP packet")
  return ok({ address: { host: canonical(address.host), port: address.port }, urlData })
}

/** IPv6 as RFC 5952 has it, what is IPv4 in its clothes (`::ffff:192.0.2.1`) as IPv4; anything else as it is. */
const canonical = (host: string): string => {
  const ip = IpText.parse6(host)
  if (ip === undefined) return host
  const isMapped = ip.subarray(0, 10).every((byte) => byte === 0) && ip[10] === 0xff && ip[11] === 0xff
  const port = new Uint8Array(2)
  return isMapped
    ? Address.fromCompact4(concat([ip.subarray(12), port]), 0).host
    : Address.fromCompact6(concat([ip, port]), 0).host
}
