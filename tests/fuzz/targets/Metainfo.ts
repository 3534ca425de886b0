/** Torrent files, `info` dictionaries from peers, names of files, and magnet links. */
import * as Bytes from "../../../core/base/Bytes.ts"
import { sha1 } from "../../../core/base/Sha1.ts"
import * as Decode from "../../../core/bencode/Decode.ts"
import * as Value from "../../../core/bencode/Value.ts"
import * as FilePath from "../../../core/metainfo/FilePath.ts"
import * as Geometry from "../../../core/metainfo/Geometry.ts"
import * as Limits from "../../../core/metainfo/Limits.ts"
import * as Magnet from "../../../core/metainfo/Magnet.ts"
import { type Described, isV2Only, type Metainfo } from "../../../core/metainfo/Metainfo.ts"
import * as Parse from "../../../core/metainfo/Parse.ts"
import * as BencodeGrammar from "../grammar/Bencode.ts"
import * as TextGrammar from "../grammar/Text.ts"
import * as Seeds from "../Seeds.ts"
import * as Tape from "../Tape.ts"
import { claim, type Target } from "../Target.ts"

const NAMES: ReadonlyArray<FilePath.Names> = ["portable", "posix"]

/** What holds of every torrent that was taken, of any version. */
const checkDescribed = (torrent: Described, names: FilePath.Names): void => {
  const { files, trackers, webSeeds } = torrent
  claim(files.length > 0, "there are files")
  const written = new Set<string>()
  for (const { bytes, isPadding, path, pieceLayer, piecesRoot } of files) {
    claim(bytes >= 0 && bytes <= Limits.MAX_TOTAL_BYTES, "a file has a length")
    claim(isPadding || FilePath.isSafe(path, names), `${JSON.stringify(path)} is safe`)
    claim(path.split("/").length <= Limits.MAX_PATH_DEPTH + 1, "a path is not too deep")
    claim(piecesRoot === undefined || piecesRoot.length === 32, "a root has 32 bytes")
    claim(pieceLayer === undefined || pieceLayer.length % 32 === 0, "a layer has whole hashes")
    if (isPadding) continue
    const key = path.toLowerCase().normalize("NFC")
    claim(!written.has(key), `${JSON.stringify(path)} is there once`)
    written.add(key)
  }
  claim(trackers.flat().length <= Limits.MAX_TRACKERS, "there are not too many trackers")
  claim(webSeeds.length <= Limits.MAX_WEB_SEEDS, "there are not too many web seeds")
  claim((torrent.nodes?.length ?? 0) <= Limits.MAX_ADDRESSES, "there are not too many nodes")
}

/** What holds of those that can be downloaded, besides. */
const check = (metainfo: Metainfo, names: FilePath.Names): void => {
  checkDescribed(metainfo, names)
  const { files, geometry, pieceHashes } = metainfo
  claim(
    geometry.totalBytes > 0 && geometry.totalBytes <= Limits.MAX_TOTAL_BYTES,
    "there are some bytes, not too many",
  )
  claim(geometry.pieceCount <= Limits.MAX_PIECES, "there are not too many pieces")
  claim(files.length === geometry.files.length, "there is a span for each file")
  claim(pieceHashes.length === geometry.pieceCount * 20, "there is a hash for each piece")
  claim(files.every(({ bytes }, i) => geometry.files[i]!.bytes === bytes), "a span is as long as its file")
  // Arithmetic at the ends.
  const last = geometry.totalBytes - 1
  claim(Geometry.segments(geometry, last, 1).length === 1, "the last byte lies in one file")
  const piece = Geometry.pieceIndex(geometry, geometry.pieceCount - 1)
  claim(piece !== undefined && Geometry.pieceLength(geometry, piece) > 0, "the last piece has bytes")
}

const runParse = (input: Bytes.Bytes): void => {
  for (const names of NAMES) {
    const parsed = Parse.parse(input, { names })
    const any = Parse.parseAny(input, { names })
    claim(any.ok || !parsed.ok, "what can be downloaded can be described")
    if (any.ok) {
      checkDescribed(any.value, names)
      claim(
        any.value.v2 === undefined || /^[0-9a-f]{64}$/.test(any.value.v2.infoHash),
        "version 2 has a hash of its own",
      )
      claim(parsed.ok === !isV2Only(any.value), "only version 2 alone can't be downloaded")
    }
    if (!parsed.ok) {
      claim(parsed.error._tag === "MetainfoError" && parsed.error.message.length > 0, "a refusal has words")
      continue
    }
    const metainfo = parsed.value
    check(metainfo, names)
    const root = Decode.decode(input, { trailing: "allow" })
    const info = root.ok ? Value.get(root.value, "info") : undefined
    claim(info !== undefined, "a torrent has an info dictionary")
    const own = Value.span(input, info)
    claim(Bytes.equals(metainfo.infoBytes, own), "the info dictionary is passed on as it stands")
    claim(Bytes.equals(sha1(own), metainfo.infoHashBytes), "the info-hash is over the bytes as they stand")
    const fromPeers = Parse.parseInfo(own, {}, { names })
    claim(
      !fromPeers.ok || fromPeers.value.infoHash === metainfo.infoHash,
      "from peers it is the same torrent",
    )
    claim(
      !fromPeers.ok || fromPeers.value.files.every((file, i) => file.path === metainfo.files[i]!.path),
      "and files",
    )
  }
}

const runInfo = (input: Bytes.Bytes): void => {
  for (const names of NAMES) {
    const parsed = Parse.parseInfo(input, { trackers: [["http://a/announce"]], webSeeds: ["http://a/"] }, {
      names,
    })
    if (parsed.ok) check(parsed.value, names)
  }
}

/** One line a path, its components between slashes that are escaped as `|`. */
const runPath = (input: Bytes.Bytes): void => {
  const tape = Tape.make(input)
  const names = Tape.pick(tape, NAMES)
  const paths: Array<Array<string>> = []
  for (let i = 0; i < 200 && !Tape.isOver(tape); i++) {
    const components: Array<string> = ["root"]
    for (let depth = 1 + Tape.below(tape, 4); depth > 0; depth--) {
      const raw = Tape.chunk(tape, Tape.flag(tape) ? 12 : 400)
      const safe = FilePath.component(raw, names)
      claim(Bytes.utf8(safe).length <= 255, "a name fits a file system")
      claim(safe === "" || FilePath.isSafe(safe, names), `${JSON.stringify(safe)} is safe`)
      claim(FilePath.component(Bytes.utf8(safe), names) === safe, `${JSON.stringify(safe)} stays as it is`)
      components.push(safe || "_")
    }
    paths.push(components)
  }
  const unique = FilePath.unique(paths)
  if (!unique.ok) return
  claim(unique.value.length === paths.length, "a path for each")
  const folded = unique.value.map((path) => path.toLowerCase().normalize("NFC"))
  claim(new Set(folded).size === folded.length, "no two are one on any system")
  const directories = new Set(folded.flatMap((path) => prefixes(path)))
  for (const [i, path] of unique.value.entries()) {
    claim(FilePath.isSafe(path, names), `${JSON.stringify(path)} is safe`)
    claim(path.startsWith("root/"), "it stays under its root")
    claim(!directories.has(folded[i]!), "a file is no directory of another")
  }
}

const prefixes = (path: string): ReadonlyArray<string> => {
  const parts = path.split("/")
  return parts.slice(1).map((_, i) => parts.slice(0, i + 1).join("/"))
}

const runMagnet = (input: Bytes.Bytes): void => {
  const parsed = Magnet.parse(Bytes.toUtf8(input))
  if (!parsed.ok) {
    claim(parsed.error.message.length > 0, "a refusal has words")
    return
  }
  const { infoHash, infoHashV2, peers, select, trackers, webSeeds } = parsed.value
  claim(infoHash !== undefined || infoHashV2 !== undefined, "a link has an info-hash")
  claim(infoHash === undefined || /^[0-9a-f]{40}$/.test(infoHash), "of version 1")
  claim(infoHashV2 === undefined || /^[0-9a-f]{64}$/.test(infoHashV2), "or of version 2")
  claim(
    trackers.length <= Limits.MAX_TRACKERS && webSeeds.length <= Limits.MAX_WEB_SEEDS,
    "addresses have an end",
  )
  claim(webSeeds.every((url) => /^https?:\/\//i.test(url)), "web seeds are HTTP")
  claim(
    peers.length <= Limits.MAX_ADDRESSES && peers.every(({ port }) => port > 0 && port < 65_536),
    "so have peers",
  )
  const chosen = select ?? []
  claim(chosen.length <= Limits.MAX_SELECT_INDEX + 1, "a selection has an end")
  claim(chosen.every((index, i) => index >= 0 && (i === 0 || chosen[i - 1]! < index)), "it is in order")
}

const HASH = "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd"

const KEYS = [
  ...["announce", "announce-list", "attr", "comment", "created by", "creation date", "encoding", "file tree"],
  ...[
    "files",
    "httpseeds",
    "info",
    "length",
    "meta version",
    "name",
    "name.utf-8",
    "nodes",
    "path",
    "path.utf-8",
  ],
  ...[
    "piece layers",
    "piece length",
    "pieces",
    "pieces root",
    "private",
    "source",
    "symlink path",
    "url-list",
    "",
  ],
  ...["a", "..", "x", "p", "l", "http://a/announce", "udp://a:1/"],
]

const SINGLE = `d8:announce17:http://a/announce4:infod6:lengthi3e4:name1:a12:piece lengthi16384e6:pieces20:${
  HASH.slice(20)
}ee`
const MANY = "d4:infod5:filesld6:lengthi3e4:pathl1:a1:beed4:attr1:p6:lengthi5e4:pathl4:.padeed4:attr1:l" +
  `6:lengthi0e4:pathl1:ceee4:name1:r12:piece lengthi16384e6:pieces20:${HASH.slice(20)}ee`
const V2 = "d4:infod9:file treed1:ad0:d6:lengthi3e11:pieces root32:" + "r".repeat(32) +
  "eee12:meta versioni2e4:name1:a12:piece lengthi16384ee12:piece layersdee"

const TORRENTS = [
  "FilePath",
  "FileTree",
  "Files",
  "Geometry",
  "Hybrid",
  "Info.",
  "Parse",
  "PieceLayers",
  "Sources",
]
  .map((name) => `core/metainfo/${name}`)

const small = () => Seeds.latin1(SINGLE, MANY, V2)
const fields = BencodeGrammar.mutator(KEYS)

export const targets: ReadonlyArray<Target> = [
  {
    name: "metainfo",
    oracle:
      "paths safe and unique, sums and counts within limits, info-hash over the bytes as they stand, same from peers",
    covers: TORRENTS,
    seeds: () => [
      ...small(),
      ...Seeds.files(["libtorrent"], ".torrent", 3_000),
      ...Seeds.files(["golden-create"], "_16384.torrent", 3_000),
      ...Seeds.files(["parse-torrent"], ".torrent", 3_000),
      ...Seeds.files(["aria2"], ".torrent", 3_000),
    ],
    mutators: [fields],
    run: runParse,
  },
  {
    name: "info",
    oracle: "as metainfo, of what peers send for a magnet link",
    covers: TORRENTS,
    seeds: () => small().map((bytes) => infoOf(bytes)),
    mutators: [fields],
    run: runInfo,
  },
  {
    name: "path",
    oracle:
      "components at most 255 bytes, safe, stable; paths under their root, unique without regard to case",
    covers: ["core/metainfo/FilePath.ts", "core/base/Bytes.ts"],
    seeds: () => [
      ...Seeds.latin1("\x00\x00\x01\x03abc", "\x01\x00\x01\x02..\x00\x01\x03a/b\x01\x01\x04con.\x00\x00"),
      ...Seeds.texts(
        "\u0001\u0000\u0001\u000fCOM1.txt\u202egpj.",
        "\u0000\u0000\u0000\u0001" + "é".repeat(150) + ".jpeg",
      ),
    ],
    mutators: [],
    work: { base: 100_000, perByte: 20_000 },
    run: runPath,
  },
  {
    name: "magnet",
    oracle: "an info-hash of the right form, lists within limits, selection ascending, web seeds HTTP only",
    covers: [
      "core/metainfo/Magnet.ts",
      "core/metainfo/Percent.ts",
      "core/metainfo/InfoHash.ts",
      "core/base/Address.ts",
      "core/base/IpText.ts",
    ],
    seeds: () => [
      ...Seeds.texts(
        `magnet:?xt=urn:btih:${HASH}&dn=a+b&tr=http%3A%2F%2Fa%2F&tr.1=udp://b:1&x.pe=1.2.3.4:5&x.pe=[::1]:6&so=0,2,4-8`,
        `magnet:?xt=urn:btmh:1220${"ab".repeat(32)}&ws=http://a/&xl=12`,
        "magnet:?xt=urn:btih:ZXG43TOM3TGM3TGM3TGM3TGM3TGM3TGM",
      ),
      ...Seeds.texts(...Seeds.column("magnet_cases.tsv").slice(0, 60)),
    ],
    mutators: [
      TextGrammar.mutator(/[&]/, [
        `xt=urn:btih:${HASH}`,
        "so=0-9",
        "tr=a",
        "ws=http://a/",
        "x.pe=a:1",
        "dn=..",
        "xs=http://127.0.0.1/",
      ]),
      TextGrammar.mutator(/[=&:,%-]/, [
        "so",
        "xt",
        "urn",
        "btih",
        "btmh",
        "0",
        "10000",
        "99999",
        "http",
        "file",
      ]),
    ],
    run: runMagnet,
  },
]

/** The `info` dictionary of a torrent file. */
function infoOf(file: Bytes.Bytes): Bytes.Bytes {
  const root = Decode.decode(file)
  const info = root.ok ? Value.get(root.value, "info") : undefined
  return info === undefined ? Bytes.empty : Value.span(file, info).slice()
}
