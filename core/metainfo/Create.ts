/**
 * From files and the hashes of their pieces to the bytes of a `.torrent` file (BEP 3, 12, 19, 27). The same input gives
 * the same bytes, and the `info` dictionary that mktorrent and libtorrent write: no key without a meaning is in it.
 */
import { assert } from "../base/Assert.ts"
import { type Bytes, compare, utf8 } from "../base/Bytes.ts"
import { HASH_BYTES } from "../base/Sha1.ts"
import { VERSION } from "../base/Version.ts"
import * as Encode from "../bencode/Encode.ts"

/** A file of a new torrent. */
export interface File {
  /** Below the torrent's directory, `/` between components; the name again in a torrent of a single file. */
  readonly path: string
  readonly bytes: number
}

/** What a new torrent is of: one file that is called `name`, or a directory of that name. */
export interface Content {
  readonly name: string
  readonly isDirectory: boolean
  /** In the order of the torrent, see {@link inOrder}; exactly one where there is no directory. */
  readonly files: ReadonlyArray<File>
}

export interface Hashes {
  /** Nominal size of a piece. */
  readonly pieceBytes: number
  /** SHA-1, 20 bytes a piece. */
  readonly pieceHashes: Bytes
}

/** What a new torrent says besides its content; of these, `isPrivate` and `source` change the info-hash. */
export interface Options {
  /** Tiers of announce URLs (BEP 12); a URL that is given twice is kept at its first place. */
  readonly trackers: ReadonlyArray<ReadonlyArray<string>>
  /** HTTP and HTTPS URLs (BEP 19). */
  readonly webSeeds: ReadonlyArray<string>
  readonly isPrivate: boolean
  readonly source?: string | undefined
  readonly comment?: string | undefined
  /** Seconds since 1970. */
  readonly creationDate?: number | undefined
}

const CREATED_BY = `shoal ${VERSION}`

/**
 * Files in the order of their paths' bytes in UTF-8, `/` included: `a.d/x`, `a.txt`, `a/z`. mktorrent sorts like this;
 * it depends neither on the file system nor on the language of the system.
 */
export const inOrder = <F extends File>(files: ReadonlyArray<F>): ReadonlyArray<F> =>
  files
    .map((file) => [utf8(file.path), file] as const)
    .sort(([a], [b]) => compare(a, b))
    .map(([, file]) => file)

/** The bytes of the `.torrent` file. */
export const encode = (content: Content, hashes: Hashes, options: Options): Bytes => {
  return Encode.encode({
    ...sources(options),
    comment: options.comment,
    "created by": CREATED_BY,
    "creation date": options.creationDate,
    info: new Encode.Raw(encodeInfo(content, hashes, options)),
  })
}

/**
 * The bytes of a `.torrent` file around the original bytes of an `info` dictionary, as it came from peers (BEP 9), with
 * what its magnet link said. Nobody knows who created it.
 */
export const wrap = (infoBytes: Bytes, options: Pick<Options, "trackers" | "webSeeds">): Bytes =>
  Encode.encode({ ...sources(options), info: new Encode.Raw(infoBytes) })

const sources = (options: Pick<Options, "trackers" | "webSeeds">) => {
  const trackers = distinct(options.trackers)
  const webSeeds = [...new Set(options.webSeeds)]
  return {
    announce: trackers[0]?.[0],
    // With one tracker it would only repeat `announce`.
    "announce-list": trackers.flat().length > 1 ? trackers : undefined,
    // A lone text is what the oldest readers know.
    "url-list": webSeeds.length > 1 ? webSeeds : webSeeds[0],
  }
}

/** The bytes of the `info` dictionary alone, whose SHA-1 is the info-hash. */
export const encodeInfo = (
  { name, isDirectory, files }: Content,
  { pieceBytes, pieceHashes }: Hashes,
  { isPrivate, source }: Pick<Options, "isPrivate" | "source">,
): Bytes => {
  assert(isDirectory || files.length === 1, "a torrent without a directory has one file")
  assert(pieceHashes.length % HASH_BYTES === 0, "a piece has a hash of 20 bytes")
  return Encode.encode({
    ...(isDirectory
      ? { files: files.map(({ path, bytes }) => ({ length: bytes, path: path.split("/") })) }
      : { length: files[0]!.bytes }),
    name,
    "piece length": pieceBytes,
    pieces: pieceHashes,
    // 0 would say the same and give another info-hash.
    private: isPrivate ? 1 : undefined,
    source,
  })
}

/** Tiers without what is there twice, and without those that are empty then. */
const distinct = (tiers: ReadonlyArray<ReadonlyArray<string>>): ReadonlyArray<ReadonlyArray<string>> => {
  const seen = new Set<string>()
  return tiers
    .map((tier) => tier.filter((url) => !seen.has(url) && seen.add(url)))
    .filter((tier) => tier.length > 0)
}
