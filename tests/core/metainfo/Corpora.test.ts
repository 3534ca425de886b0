/** The torrents of other projects' tests, with the verdicts, hashes and names that those assert. */
import { expect, it } from "vitest"
import * as InfoHash from "../../../core/metainfo/InfoHash.ts"
import * as Magnet from "../../../core/metainfo/Magnet.ts"
import type * as Metainfo from "../../../core/metainfo/Metainfo.ts"
import * as Parse from "../../../core/metainfo/Parse.ts"
import * as Corpora from "../../support/Corpora.ts"

type Row = Record<string, string>

const rows = (folder: string): Array<Row> => Corpora.isThere ? Corpora.table(folder, "EXPECTED.tsv") : []
const named = (table: Array<Row>) => table.map((row) => [row["file"]!, row] as const)

// The names were asserted on POSIX systems.
const parse = (...parts: ReadonlyArray<string>) => Parse.parse(Corpora.read(...parts), { names: "posix" })

const must = (...parts: ReadonlyArray<string>): Metainfo.Metainfo => {
  const parsed = parse(...parts)
  if (!parsed.ok) throw new Error(parsed.error.message)
  return parsed.value
}

/** `name/a:12 | name/b:3[pad]` as pairs; names hold `:` and `[` themselves, sizes and flags come last. */
const filesOf = (text: string) =>
  text.split(" | ").map((part) => {
    const match = /^(.*):(\d+)((?:\[[^\]]*\])*)$/.exec(part)!
    return { path: match[1]!, bytes: Number(match[2]), isPadding: match[3]!.includes("[pad]") }
  })

Corpora.describeWithCorpora("libtorrent's torrents", () => {
  const all = rows("libtorrent")
  const v2 = (row: Row) => row["info_sha256(if meta version 2)"] !== ""
  const v1 = all.filter((row) => !v2(row))

  /** The reason that stands for an error of libtorrent's, where it does for every file that has it. */
  const REASONS: Record<string, ReadonlyArray<string>> = {
    torrent_missing_name: ["MissingName", "BadName", "MissingPath", "DuplicateKey"],
    too_many_duplicate_filenames: ["TooManyDuplicates"],
    torrent_invalid_length: ["BadFileLength", "NoContent"],
    torrent_missing_info: ["MissingInfo", "BadInfo", "Truncated"],
    torrent_invalid_name: ["BadPath"],
    torrent_missing_piece_length: ["MissingPieceLength", "BadPieceLength"],
    torrent_missing_pieces: ["MissingPieces", "BadPieces"],
    too_many_pieces_in_torrent: ["TooManyPieces"],
    no_files_in_torrent: ["NoFiles"],
    torrent_invalid_hashes: ["PieceCountMismatch", "BadPieces"],
    torrent_is_no_dict: ["NotADictionary"],
  }

  it("are all there", () => {
    expect(all).toHaveLength(108)
    expect(v1.length).toBeGreaterThan(60)
  })

  it.each(named(v1))("%s is judged alike", (name, row) => {
    const parsed = parse("libtorrent/test/test_torrents", name)
    expect(parsed.ok ? "valid" : `invalid: ${parsed.error.message}`).toMatch(
      new RegExp(`^${row["verdict_libtorrent_2.1"]}`),
    )
    if (parsed.ok) {
      expect(parsed.value.infoHash).toBe(row["info_sha1(raw span,ours)"])
      expect(parsed.value.files).toHaveLength(Number(row["oracle_num_files"]))
    } else {
      const error = row["error_2.1"]!.replace("errors::", "")
      expect(REASONS[error]).toContain(parsed.error.reason)
    }
  })

  // The file names that libtorrent 2.1 asserts, and where it asserts none, those of 2.0.8: there a component of which
  // nothing is left vanishes, while 2.1 and shoal put `_` in its place.
  const NAMES: Record<string, ReadonlyArray<string>> = {
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
  }

  it.each(named(v1.filter((row) => row["verdict_libtorrent_2.1"] === "valid")))(
    "%s has its file names",
    (name, row) => {
      const { files } = must("libtorrent/test/test_torrents", name)
      const expected = NAMES[name]
      if (expected !== undefined) return expect(files.map((file) => file.path)).toEqual(expected)
      const listed = filesOf(row["oracle_files(first 8: path:size[flags])"]!)
      expect(files.slice(0, 8).map(({ path, bytes, isPadding }) => ({ path, bytes, isPadding }))).toEqual(
        listed,
      )
    },
  )

  it.each(named(all.filter((row) => v2(row) && row["verdict_libtorrent_2.1"] === "valid")))(
    "%s is read by its version 1 half, or refused for having none",
    (name, row) => {
      const parsed = parse("libtorrent/test/test_torrents", name)
      if (!parsed.ok) return expect(parsed.error.reason).toBe("UnsupportedV2Only")
      expect(parsed.value.infoHash).toBe(row["info_sha1(raw span,ours)"])
      // Beyond eight files, or without padding files of their own, the lists of the two versions differ.
      expect(parsed.value.files[0]).toMatchObject({
        path: filesOf(row["oracle_files(first 8: path:size[flags])"]!)[0]!.path,
      })
    },
  )

  it.each([
    ["v2_only.torrent", "UnsupportedV2Only"],
    ["v2_deep_recursion.torrent", "DepthExceeded"],
    ["v2_overlong_integer.torrent", "BadInteger"],
  ])("%s is refused as %s", (name, reason) => {
    expect(parse("libtorrent/test/test_torrents", name)).toMatchObject({ ok: false, error: { reason } })
  })

  it("keep what stands beside info", () => {
    const of = (name: string) => must("libtorrent/test/test_torrents", `${name}.torrent`)
    expect(of("creation_date").creationDate).toBe(1_234_567)
    expect(of("no_creation_date")).not.toHaveProperty("creationDate")
    expect(of("dht_nodes").nodes).toEqual([{ host: "127.0.0.1", port: 6881 }, {
      host: "192.168.1.1",
      port: 6881,
    }])
    expect(of("duplicate_web_seeds").webSeeds).toHaveLength(3)
    expect(of("whitespace_url").trackers).toEqual([["udp://test.com/announce"]])
    expect(of("url_seed").webSeeds).toEqual(["http://test.com/file"])
    expect(of("url_seed_multi").webSeeds).toEqual(["http://test.com/file/"])
    expect(of("url_seed_multi_space").webSeeds).toEqual(["http://test.com/test%20file/foo%20bar/"])
    expect(of("url_seed_multi_space_nolist").webSeeds).toEqual(["http://test.com/test%20file/foo%20bar/"])
    expect(of("httpseed").httpSeeds).toEqual(["http://foobar.com/"])
    for (const name of ["url_list", "url_list2", "url_list3", "empty_httpseed"]) {
      expect(of(name).webSeeds).toEqual([])
    }
    expect(of("symlink1").files.map((file) => file.isSymlink ?? false)).toEqual([false, true])
    expect(of("large_piece_size").geometry.pieceBytes).toBe(32_767 * 16_384)
    expect(of("invalid_name2").name).toBe("b61560c2918f463768cd122b6d2fdd47b77bdb35")
  })

  it.each(["test1", "test1_pad_files", "test1_single", "test1_single_padded", "test2", "test3"])(
    "mutable %s is valid",
    (name) =>
      expect(must("libtorrent/test/mutable_test_torrents", `${name}.torrent`).files.length).toBeGreaterThan(
        0,
      ),
  )
})

// rqbit's and rain's torrents are of Ubuntu, private.torrent of two bytes; aria2's are unsorted.
for (const folder of ["aria2", "parse-torrent", "rain", "rqbit", "webtorrent"]) {
  Corpora.describeWithCorpora(`${folder}'s torrents`, () => {
    it.each(named(rows(folder)))("%s", (name, row) => {
      const parsed = parse(folder, name)
      if (row["libtorrent_2.0.8"] !== "ok") return expect(parsed.ok).toBe(false)
      if (!parsed.ok) throw new Error(parsed.error.message)
      const { geometry, infoHash, isPrivate, files, trackers, webSeeds } = parsed.value
      expect(infoHash).toBe(row["info_sha1(raw span,ours)"])
      expect({
        files: files.length,
        isPrivate: isPrivate ? "True" : "False",
        pieceBytes: geometry.pieceBytes,
        pieceCount: geometry.pieceCount,
        totalBytes: geometry.totalBytes,
        webSeeds: webSeeds.length,
      }).toEqual({
        files: Number(row["num_files"]),
        isPrivate: row["private"],
        pieceBytes: Number(row["piece_length"]),
        pieceCount: Number(row["num_pieces"]),
        totalBytes: Number(row["total_size"]),
        webSeeds: Number(row["web_seeds"]),
      })
      // One tracker three times is one tracker, says the test that this file comes from.
      const expected = name.includes("duplicate-tracker") ? 1 : Number(row["trackers"])
      expect(trackers.flat()).toHaveLength(expected)
      expect(files.slice(0, 4).map(({ path, bytes }) => ({ path, bytes })))
        .toEqual(filesOf(row["files(first 4)"]!).map(({ path, bytes }) => ({ path, bytes })))
    })
  })
}

Corpora.describeWithCorpora("created by other programs", () => {
  const table = Corpora.isThere ? Corpora.table("golden-create", "GOLDEN.tsv") : []

  it.each(table.map((row) => [row["payload"]!, row["piece_length"]!, row] as const))(
    "%s in pieces of %s",
    (payload, size, row) => {
      const file = payload.replaceAll(" ", "_")
      const golden = (creator: string, kind: string) =>
        must("golden-create", `${creator}_${file}${kind}_${size}.torrent`)
      expect(golden("lt208", "_v1").infoHash).toBe(row["v1_only_infohash(libtorrent 2.0.8)"])
      expect(golden("lt208", "_hybrid").infoHash).toBe(row["hybrid_v1"])
      expect(golden("bep52ref", "_hybrid").infoHash).toBe(row["hybrid_v1"])
      const transmission = Object.keys(row).find((column) => column.startsWith("transmission-create"))!
      expect(golden("tr300", "").infoHash).toBe(row[transmission])
      expect(parse("golden-create", `lt208_${file}_v2_${size}.torrent`))
        .toMatchObject({ ok: false, error: { reason: "UnsupportedV2Only" } })
      // And the link to it leads to the same torrent.
      const { infoHash } = golden("lt208", "_v1")
      const link = Magnet.parse(Magnet.format({ infoHash, trackers: [], webSeeds: [], peers: [] }))
      expect(link.ok && InfoHash.toBytes(link.value.infoHash!)).toEqual(golden("lt208", "_v1").infoHashBytes)
    },
  )
})
