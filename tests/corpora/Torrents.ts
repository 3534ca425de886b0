/** The torrents of other projects' tests: verdicts, hashes, sizes and names as libtorrent has them. */
import { toHex } from "../../core/base/Bytes.ts"
import type * as MetainfoError from "../../core/metainfo/MetainfoError.ts"
import * as FilePath from "../../core/metainfo/FilePath.ts"
import { type File, isV2Only, type Metainfo, type V2Only } from "../../core/metainfo/Metainfo.ts"
import * as Parse from "../../core/metainfo/Parse.ts"
import { type Case, type Outcome, same, type Section } from "./Check.ts"
import * as Folder from "./Folder.ts"

/** A line of ORACLES.jsonl, as far as it is used. */
interface Oracle {
  readonly file: string
  readonly libtorrent:
    | { readonly ok: false; readonly error: string }
    | {
      readonly ok: true
      readonly name: string
      readonly piece_length: number
      readonly num_pieces: number
      readonly total_size: number
      readonly v1: string | null
      readonly v2: string | null
      readonly private: boolean
      readonly files: ReadonlyArray<{ readonly path: string; readonly size: number; readonly pad?: boolean }>
      readonly trackers: ReadonlyArray<readonly [number, string]>
      readonly web_seeds: ReadonlyArray<string>
    }
}

/** What libtorrent 2.1 says, whose verdicts are newer than the oracle's. */
interface Expected {
  readonly isValid: boolean
  readonly error: string
}

/** Those that are known, and whatever else there is with verdicts of the same kind. */
const FOLDERS = [
  ...new Set([
    "libtorrent",
    "webtorrent",
    "parse-torrent",
    "aria2",
    "rain",
    "rqbit",
    ...Folder.withFile("ORACLES.jsonl"),
  ]),
]

/** The reasons that stand for an error of libtorrent's. */
const REASONS: Readonly<Record<string, ReadonlyArray<MetainfoError.MetainfoReason>>> = {
  "bdecode_errors::depth_exceeded": ["DepthExceeded"],
  "errors::invalid_bencoding": ["BadInteger", "UnsortedKeys"],
  "errors::no_files_in_torrent": ["NoFiles"],
  "errors::too_many_duplicate_filenames": ["TooManyDuplicates"],
  "errors::too_many_pieces_in_torrent": ["TooManyPieces"],
  "errors::torrent_file_parse_failed": ["BadFileTree"],
  "errors::torrent_inconsistent_files": ["HybridMismatch"],
  "errors::torrent_invalid_hashes": ["PieceCountMismatch", "BadPieces"],
  "errors::torrent_invalid_length": ["BadFileLength", "NoContent"],
  "errors::torrent_invalid_name": ["BadPath"],
  "errors::torrent_invalid_pad_file": ["PaddingInFileTree"],
  "errors::torrent_invalid_piece_layer": ["BadPieceLayer", "UnknownPieceLayer"],
  "errors::torrent_is_no_dict": ["NotADictionary"],
  "errors::torrent_missing_info": ["MissingInfo", "BadInfo", "Truncated"],
  "errors::torrent_missing_name": ["MissingName", "BadName", "MissingPath", "DuplicateKey"],
  "errors::torrent_missing_piece_length": ["MissingPieceLength", "BadPieceLength"],
  "errors::torrent_missing_pieces": ["MissingPieces", "BadPieces"],
  "errors::torrent_missing_pieces_root": ["MissingPiecesRoot", "BadPiecesRoot"],
}

/**
 * File names that libtorrent 2.1 asserts, where the oracle, which is 2.0.8, has others: there a component of which nothing
 * is left vanishes, while 2.1 and shoal put `_` in its place.
 */
const NAMES: Readonly<Record<string, ReadonlyArray<string>>> = {
  "absolute_filename.torrent": ["temp/abcde", "temp/foobar"],
  "backslash_path.torrent": ["temp/_/_/bar"],
  "duplicate_files.torrent": ["temp/foo/bar.txt", "temp/foo/bar.1.txt"],
  "invalid_directory_name.torrent": ["test2/_/foo", "test2/_/foo.1"],
  "invalid_filename2.torrent": ["est2/f", "est2/_/_", "est2/_/_.1"],
  "parent_path.torrent": ["temp/_/_/bar"],
  "slash_path.torrent": ["temp/_/_/bar"],
  "slash_path2.torrent": ["temp/abc....def/_/bar"],
  "slash_path3.torrent": ["temp....abc"],
  "symlink_filtered_path.torrent": ["temp/a/_/bar", "temp/a/_/foo"],
  "v2_invalid_filename2.torrent": ["test/_", "test/_.1", "test/stress_test2"],
}

const ROOT_CHECKED = "a piece layer is checked as the torrent is read, not when it is added"

const base = (file: string): string => file.slice(file.lastIndexOf("/") + 1)

const written = (files: ReadonlyArray<File>) => files.filter((file) => !file.isPadding)

/** What has to hold of every torrent that is accepted, whatever others say of it. */
export const soundness = (torrent: Metainfo | V2Only, names: FilePath.Names): ReadonlyArray<string> => {
  const files = written(torrent.files)
  const paths = files.map(({ path }) => path)
  const folded = new Set(paths.map((path) => path.normalize("NFC").toLowerCase()))
  return [
    ...paths.filter((path) => !FilePath.isSafe(path, names)).map((path) => `leaves the folder: ${path}`),
    ...same("distinct paths", folded.size, paths.length),
    ...(isV2Only(torrent)
      ? []
      : same("piece hashes", torrent.pieceHashes.length, 20 * torrent.geometry.pieceCount)),
    ...(torrent.v2 === undefined
      ? []
      : files.filter((file) => file.bytes > 0 && file.piecesRoot === undefined).map(({ path }) =>
        `no root: ${path}`
      )),
  ]
}

const compare = (torrent: Metainfo | V2Only, { file, libtorrent }: Oracle): ReadonlyArray<string> => {
  if (!libtorrent.ok) return []
  const { pieceBytes, pieceCount, totalBytes } = isV2Only(torrent) ? torrent : torrent.geometry
  const theirs = libtorrent.files.filter(({ pad }) => pad !== true)
  const names = NAMES[base(file)]
  return [
    ...same("info-hash v1", isV2Only(torrent) ? null : torrent.infoHash, libtorrent.v1),
    ...same("info-hash v2", torrent.v2?.infoHash ?? null, libtorrent.v2),
    ...same("info-hash", torrent.infoHash, libtorrent.v1 ?? libtorrent.v2?.slice(0, 40)),
    ...same("piece length", pieceBytes, libtorrent.piece_length),
    ...same("pieces", pieceCount, libtorrent.num_pieces),
    // Of version 2 alone the oracle counts padding that it has put in itself.
    ...(libtorrent.v1 === null ? [] : same("total size", totalBytes, libtorrent.total_size)),
    ...same("private", torrent.isPrivate, libtorrent.private),
    ...same("sizes", written(torrent.files).map(({ bytes }) => bytes), theirs.map(({ size }) => size)),
    ...same("paths", written(torrent.files).map(({ path }) => path), names ?? theirs.map(({ path }) => path)),
    // shoal keeps each tracker once, and asks in the order of the tiers.
    ...same(
      "trackers",
      torrent.trackers.flat().sort(),
      [...new Set(libtorrent.trackers.map(([, url]) => url.trim()))].filter((url) => url !== "").sort(),
    ),
    ...same(
      "web seeds",
      [...new Set([...torrent.webSeeds, ...(torrent.httpSeeds ?? [])])].length,
      libtorrent.web_seeds.length,
    ),
  ]
}

const check = (folder: string, oracle: Oracle, expected: Expected | undefined): Outcome => {
  // The names were asserted on POSIX systems.
  const bytes = Folder.read(folder, oracle.file)
  const parsed = Parse.parseAny(bytes, { names: "posix" })
  const portable = Parse.parseAny(bytes)
  const isValid = expected?.isValid ?? oracle.libtorrent.ok
  // One file loads in libtorrent and cannot be added.
  const policy = base(oracle.file) === "v2_invalid_root_hash.torrent" ? ROOT_CHECKED : undefined
  if (!parsed.ok) {
    const { message, reason } = parsed.error
    const allowed = expected === undefined ? undefined : REASONS[expected.error]
    return {
      verdict: "rejected",
      policy,
      problems: isValid
        ? [`refused: ${message}`]
        : allowed !== undefined && !allowed.includes(reason)
        ? [`refused as ${reason} instead of ${allowed.join(" or ")}`]
        : same("verdict for names that fit everywhere", portable.ok, false),
    }
  }
  return {
    verdict: "accepted",
    policy,
    problems: [
      ...(isValid ? [] : [`accepted, and should be refused: ${expected?.error ?? ""}`]),
      ...compare(parsed.value, oracle),
      ...soundness(parsed.value, "posix"),
      ...(portable.ok ? soundness(portable.value, "portable") : [`refused with names that fit everywhere`]),
    ],
  }
}

const cases = (folder: string): ReadonlyArray<Case> => {
  const table = Folder.hasFile(folder, "EXPECTED.tsv") ? Folder.table(folder, "EXPECTED.tsv") : []
  const rows = new Map(table.map((row) => [base(row["file"]!), row] as const))
  return Folder.lines<Oracle>(folder, "ORACLES.jsonl").map((oracle) => {
    // The folder of torrents that differ in little has the names of others, and no verdicts.
    const row = oracle.file.includes("mutable") ? undefined : rows.get(base(oracle.file))
    const verdict = row?.["verdict_libtorrent_2.1"] ?? ""
    const expected = verdict === ""
      ? undefined
      : { isValid: verdict === "valid", error: row?.["error_2.1"] ?? "" }
    return { name: oracle.file, run: () => check(folder, oracle, expected) }
  })
}

/** What the origin's tests assert of single files beyond the table. */
const DETAILS: Readonly<Record<string, (torrent: Metainfo | V2Only) => ReadonlyArray<string>>> = {
  creation_date: ({ creationDate }) => same("date", creationDate, 1_234_567),
  no_creation_date: ({ creationDate }) => same("date", creationDate, undefined),
  dht_nodes: ({ nodes }) =>
    same("nodes", nodes, [{ host: "127.0.0.1", port: 6881 }, { host: "192.168.1.1", port: 6881 }]),
  duplicate_web_seeds: ({ webSeeds }) => same("web seeds", webSeeds.length, 3),
  whitespace_url: ({ trackers }) => same("trackers", trackers, [["udp://test.com/announce"]]),
  url_seed: ({ webSeeds }) => same("web seeds", webSeeds, ["http://test.com/file"]),
  url_seed_multi: ({ webSeeds }) => same("web seeds", webSeeds, ["http://test.com/file/"]),
  url_seed_multi_space: ({ webSeeds }) =>
    same("web seeds", webSeeds, ["http://test.com/test%20file/foo%20bar/"]),
  url_seed_multi_space_nolist: ({ webSeeds }) =>
    same("web seeds", webSeeds, ["http://test.com/test%20file/foo%20bar/"]),
  httpseed: ({ httpSeeds }) => same("HTTP seeds", httpSeeds, ["http://foobar.com/"]),
  url_list: ({ webSeeds }) => same("web seeds", webSeeds, []),
  url_list2: ({ webSeeds }) => same("web seeds", webSeeds, []),
  url_list3: ({ webSeeds }) => same("web seeds", webSeeds, []),
  empty_httpseed: ({ webSeeds }) => same("web seeds", webSeeds, []),
  symlink1: ({ files }) => same("links", files.map((file) => file.isSymlink ?? false), [false, true]),
  v2_symlinks: ({ files }) => same("links", files.filter((file) => file.isSymlink === true).length, 3),
  large_piece_size: (torrent) =>
    same("piece length", isV2Only(torrent) ? 0 : torrent.geometry.pieceBytes, 32_767 * 16_384),
  invalid_name2: ({ name }) => same("name", name, "b61560c2918f463768cd122b6d2fdd47b77bdb35"),
  v2: ({ files }) => same("roots", roots(files), ["60aae9c7b428f87e"]),
  v2_multipiece_file: ({ files }) => same("roots", roots(files), ["515ea9181744b817"]),
  v2_multiple_files: ({ files }) => same("layers", layers(files), [true, true, true]),
  v2_incomplete_piece_layer: ({ files }) => same("layers", layers(files), [true, false, true]),
  v2_no_piece_layers: ({ files }) => same("layers", layers(files), [false]),
}

const roots = (files: ReadonlyArray<File>) =>
  files.map((file) => file.piecesRoot && toHex(file.piecesRoot.subarray(0, 8)))
const layers = (files: ReadonlyArray<File>) => files.map((file) => file.pieceLayer !== undefined)

const details = (): ReadonlyArray<Case> =>
  Object.entries(DETAILS).map(([name, problems]) => ({
    name,
    run: () => {
      const parsed = Parse.parseAny(Folder.read("libtorrent", "test", "test_torrents", `${name}.torrent`))
      return parsed.ok
        ? { verdict: "accepted", problems: problems(parsed.value) }
        : { verdict: "rejected", problems: [parsed.error.message] }
    },
  }))

export const sections: ReadonlyArray<Section> = [
  ...FOLDERS.map((folder) => ({
    title: `${folder}: torrents`,
    needs: [[folder, "ORACLES.jsonl"]],
    minimum: folder === "libtorrent" ? 116 : 1,
    cases: () => cases(folder),
  })),
  {
    title: "libtorrent: what single torrents say",
    needs: [["libtorrent", "test", "test_torrents"]],
    minimum: 23,
    cases: details,
  },
]
