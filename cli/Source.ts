/** SOURCE and TORRENT on the command line: from a path, a URL or a link to what is known of the torrent. */
import * as FileSystem from "@effect/platform/FileSystem"
import * as HttpClient from "@effect/platform/HttpClient"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Bytes from "../core/base/Bytes.ts"
import { VERSION } from "../core/base/Version.ts"
import * as InfoHash from "../core/metainfo/InfoHash.ts"
import * as Limits from "../core/metainfo/Limits.ts"
import * as Magnet from "../core/metainfo/Magnet.ts"
import { type InfoHash as Hash, isV2Only, type Metainfo, type V2Only } from "../core/metainfo/Metainfo.ts"
import * as Parse from "../core/metainfo/Parse.ts"
import * as HttpFollow from "../shell/HttpFollow.ts"
import { Failure } from "./Exit.ts"
import * as Process from "./Process.ts"
import * as ReadFile from "./ReadFile.ts"
import * as Text from "./Text.ts"

export const TIMEOUT = Duration.seconds(30)

const HEADERS = { "user-agent": `shoal/${VERSION}` }

/**
 * The user typed the URL, so it may lead anywhere; what it redirects to may not lead nearer. Names beyond ASCII are his own
 * affair: there is nothing to be kept secret from them.
 */
const TRUST: HttpFollow.Trust = { isTyped: true, allowLocal: false, allowIdna: true, query: "" }

/** What a SOURCE is, told from its text alone. */
export type Kind = "file" | "url" | "magnet"

/** A bare info-hash counts as a magnet link; a file of such a name is reached as `./NAME`. */
export const kindOf = (source: string): Kind =>
  /^magnet:/i.test(source) || /^[0-9a-f]{40}$/i.test(source)
    ? "magnet"
    : /^https?:\/\//i.test(source)
    ? "url"
    : "file"

/** A magnet link, or a bare info-hash: what the torrent says has to be fetched from peers. */
export interface Link {
  /** Of a link to version 2 alone, the beginning of that hash. */
  readonly infoHash: Hash
  /** For people: what the link calls the torrent, else its info-hash. */
  readonly name: string
  readonly magnet: Magnet.Magnet
}

/** What a SOURCE comes to. */
export type Loaded =
  | { readonly _tag: "Torrent"; readonly metainfo: Metainfo }
  | { readonly _tag: "Link"; readonly link: Link }

/** Reads a magnet link or a bare info-hash. Fails with reason `invalid` or `unsupported`. */
export const parseLink = (source: string): Effect.Effect<Link, Failure> =>
  Effect.flatMap(parseAnyLink(source), (link) =>
    link.magnet.infoHash === undefined
      ? new Failure({
        reason: "unsupported",
        message: `${shown(source)} names a torrent of version 2 alone (urn:btmh), which is not supported yet`,
      })
      : Effect.succeed(link))

/** As {@link parseLink}, and of torrents of version 2 alone, too, which are only good to look at. */
export const parseAnyLink = (source: string): Effect.Effect<Link, Failure> => {
  const text = source.trim()
  const parsed = Magnet.parse(/^magnet:/i.test(text) ? text : `magnet:?xt=urn:btih:${text}`)
  if (!parsed.ok) {
    return new Failure({
      reason: "invalid",
      message: `${shown(source)} is not a valid magnet link: ${parsed.error.message}`,
      cause: parsed.error,
    })
  }
  const magnet = parsed.value
  const hash = InfoHash.parse(magnet.infoHash ?? magnet.infoHashV2?.slice(0, 40) ?? "")
  return hash === undefined
    ? new Failure({ reason: "invalid", message: `${shown(source)} has no info-hash` })
    : Effect.succeed({ infoHash: hash, name: magnet.name ?? hash, magnet })
}

/** As much of a link as an error repeats. */
const shown = (source: string): string => {
  const text = source.trim()
  return Text.printable(text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text)
}

/** Characters of a link that are repeated in an error. */
const SHOWN = 120

/** Loads a SOURCE as far as that goes without peers. Fails as {@link load} and {@link parseLink} do. */
export const resolve = (
  source: string,
): Effect.Effect<Loaded, Failure, FileSystem.FileSystem | HttpClient.HttpClient> =>
  kindOf(source) === "magnet"
    ? Effect.map(parseLink(source), (link) => ({ _tag: "Link", link }))
    : Effect.map(load(source), (metainfo) => ({ _tag: "Torrent", metainfo }))

/** The info-hash of a SOURCE; of a link without asking anybody. Fails as {@link resolve} does. */
export const infoHash = (
  source: string,
): Effect.Effect<Hash, Failure, FileSystem.FileSystem | HttpClient.HttpClient> =>
  Effect.map(
    resolve(source),
    (loaded) => loaded._tag === "Link" ? loaded.link.infoHash : loaded.metainfo.infoHash,
  )

/** Loads and parses a TORRENT. Fails with reason `not-found`, `unreadable`, `too-large`, `http`, `timeout`, `invalid` or `unsupported`. */
export const load = (
  source: string,
): Effect.Effect<Metainfo, Failure, FileSystem.FileSystem | HttpClient.HttpClient> =>
  Effect.flatMap(loadAny(source), (torrent) =>
    isV2Only(torrent)
      ? new Failure({
        reason: "unsupported",
        message: `${
          Text.printable(source)
        } is of version 2 alone (BEP 52): shoal can inspect such a torrent, but not yet download, seed or verify it`,
      })
      : Effect.succeed(torrent))

/** As {@link load}, and of torrents of version 2 alone, too, which are only good to look at. */
export const loadAny = (
  source: string,
): Effect.Effect<Metainfo | V2Only, Failure, FileSystem.FileSystem | HttpClient.HttpClient> =>
  Effect.flatMap(read(source), (bytes) => {
    const parsed = Parse.parseAny(bytes, { names: Process.names })
    return parsed.ok ? Effect.succeed(parsed.value) : new Failure({
      reason: "invalid",
      message: `${Text.printable(source)} is not a valid .torrent file: ${parsed.error.message}`,
      cause: parsed.error,
    })
  })

const read = (
  source: string,
): Effect.Effect<Bytes.Bytes, Failure, FileSystem.FileSystem | HttpClient.HttpClient> => {
  switch (kindOf(source)) {
    case "file":
      return ReadFile.bytes(source, Limits.MAX_BYTES, "a .torrent file")
    case "url":
      return readUrl(source)
    case "magnet":
      return new Failure({
        reason: "unsupported",
        message:
          `this needs the .torrent file; 'shoal download --metadata-only' writes that of a magnet link`,
      })
  }
}

const readUrl = (url: string): Effect.Effect<Bytes.Bytes, Failure, HttpClient.HttpClient> => {
  const shown = Text.printable(url)
  return Effect.gen(function* () {
    if (!URL.canParse(url)) {
      return yield* new Failure({ reason: "http", message: `${shown} is not a valid URL` })
    }
    const client = yield* HttpClient.HttpClient
    return yield* HttpFollow.get(client, url, HEADERS, TRUST, (response) =>
      Effect.gen(function* () {
        if (response.status < 200 || response.status > 299) {
          return yield* new Failure({
            reason: "http",
            message: `${shown} answered with HTTP status ${response.status}`,
          })
        }
        const parts: Array<Bytes.Bytes> = []
        let length = 0
        yield* Stream.runForEach(response.stream, (part) => {
          length += part.length
          parts.push(part)
          return length <= Limits.MAX_BYTES ? Effect.void : new Failure({
            reason: "too-large",
            message: `${shown} sends more than ${Text.bytes(Limits.MAX_BYTES)}, too much for a .torrent file`,
          })
        })
        return Bytes.concat(parts)
      }))
  }).pipe(
    Effect.timeoutFail({
      duration: TIMEOUT,
      onTimeout: () =>
        new Failure({
          reason: "timeout",
          message: `${shown} did not answer within ${Duration.toSeconds(TIMEOUT)} s; try again later`,
        }),
    }),
    Effect.catchTags({
      HttpObjection: ({ isFirst, message }) =>
        new Failure({
          reason: "http",
          message: isFirst ? `${shown}: ${message}` : `${shown}: ${message.split("; ", 1)[0]}`,
        }),
      RequestError: (error) =>
        new Failure({ reason: "http", message: `${shown}: ${causeOf(error)}`, cause: error }),
      ResponseError: (error) =>
        new Failure({ reason: "http", message: `${shown}: ${causeOf(error)}`, cause: error }),
    }),
  )
}

/** `fetch` wraps what happened: the innermost message, such as `connect ECONNREFUSED`, is the one that helps. */
const causeOf = (error: unknown): string => {
  let at = error
  let message = "the request failed"
  for (let depth = 0; depth < 5 && at instanceof Error; depth++) {
    if (at.message !== "") message = at.message
    at = at.cause
  }
  return message
}
