/** Recorded inputs with verdicts: bencode by the letter of BEP 3, magnet links by libtorrent. */
import * as Bytes from "../../core/base/Bytes.ts"
import * as Decode from "../../core/bencode/Decode.ts"
import * as Value from "../../core/bencode/Value.ts"
import * as Magnet from "../../core/metainfo/Magnet.ts"
import { accepted, type Case, type Outcome, same, type Section } from "./Check.ts"
import * as Folder from "./Folder.ts"

type Row = Readonly<Record<string, string>>

/** The long inputs are abbreviated in the table: `llll...(200 bytes)`. */
const bencodeInput = (row: Row): Bytes.Bytes => {
  const long = /^(l|d1:a).*\.\.\.\((\d+) bytes\)$/.exec(row["input(escaped)"]!)
  if (long === null) return Bytes.fromHex(row["input_hex(if <200B)"]!)!
  const bytes = Number(long[2])
  return long[1] === "l"
    ? Bytes.latin1("l".repeat(bytes / 2) + "e".repeat(bytes / 2))
    : Bytes.latin1("d1:a".repeat((bytes - 3) / 5) + "i1e" + "e".repeat((bytes - 3) / 5))
}

const isSorted = (value: Value.Value): boolean =>
  value._tag === "Dict"
    ? value.isSorted && [...value.entries.values()].every(isSorted)
    : value._tag !== "List" || value.items.every(isSorted)

/** Words of a verdict, and the reason that each stands for. */
const REASONS: ReadonlyArray<readonly [string, Decode.DecodeReason]> = [
  ["trailing", "TrailingBytes"],
  ["duplicate", "DuplicateKey"],
  ["depth", "DepthExceeded"],
  ["eof", "Truncated"],
]

const bencode = (row: Row): Outcome => {
  const verdict = row["strict_BEP3_canonical(ours)"]!
  const decoded = Decode.decode(bencodeInput(row))
  const isUnsorted = verdict === "reject: unsorted keys"
  if (!decoded.ok) {
    const { reason } = decoded.error
    const [, expected = reason] = REASONS.find(([word]) => verdict.includes(word)) ?? []
    const isWrong = isUnsorted || !verdict.startsWith("reject")
    return {
      verdict: "rejected",
      problems: isWrong ? [`refused as ${reason}`] : same("reason", reason, expected),
    }
  }
  // Unsorted keys are accepted and told, for real torrents have them; who needs them sorted asks.
  return isUnsorted
    ? accepted(
      () => same("sorted", isSorted(decoded.value), false),
      "unsorted keys are told, and the reader decides",
    )
    : accepted(() =>
      verdict === "ok" ? same("sorted", isSorted(decoded.value), true) : [`accepted: ${verdict}`]
    )
}

const field = (verdict: string, name: string): string | undefined =>
  new RegExp(`${name}=(\\S+)`).exec(verdict)?.[1]

const ALL_Z = /:z{40}$|:1220z{64}$/

const magnet = (uri: string, verdict: string): Outcome => {
  const parsed = Magnet.parse(uri)
  // libtorrent 2.0.8 reads these as a hash of zeros, 2.1 refuses them.
  const policy = ALL_Z.test(uri) ? "a hash with digits that are none is refused" : undefined
  if (!parsed.ok) {
    const problems = policy !== undefined || verdict.startsWith("reject")
      ? []
      : [`refused: ${parsed.error.message}`]
    return { verdict: "rejected", problems, policy }
  }
  if (policy !== undefined || !verdict.startsWith("ok")) {
    return accepted(() => [`accepted, and should not be`])
  }
  const { infoHash, infoHashV2, name, peers, select, trackers, webSeeds } = parsed.value
  const isLocalFile = uri.includes("ws=file:")
  const priorities = /so=\[(.*)\]/.exec(verdict)![1]!
  const selected = priorities.split(", ").flatMap((priority, index) => priority === "4" ? [index] : [])
  return accepted(() => [
    ...same("v1", infoHash ?? "-", field(verdict, "v1")),
    ...same("v2", infoHashV2 ?? "-", field(verdict, "v2")),
    ...same("name", name ?? "", JSON.parse(`"${/name='(.*?)'/.exec(verdict)![1]}"`)),
    // The row of 2,000 trackers is abbreviated in the table.
    ...(uri.includes("...(")
      ? []
      : same("trackers", `${trackers.length}`, field(verdict, "trackers")!.replace(/\[.*/, ""))),
    ...same(
      "web seeds",
      webSeeds,
      isLocalFile ? [] : [...verdict.matchAll(/ws=\['(.*?)'\]/g)].map((match) => match[1]),
    ),
    ...same(
      "peers",
      peers.map((peer) => `('${peer.host}', ${peer.port})`).join(", "),
      /peers=\[(.*?)\] dht/.exec(verdict)![1],
    ),
    ...same("selected", select ?? [], selected),
  ], isLocalFile ? "a web seed that is a local file is dropped" : undefined)
}

const cases = (
  table: string,
  column: string,
  check: (input: string, row: Row) => Outcome,
): ReadonlyArray<Case> =>
  Folder.table(table).map((row) => ({ name: row[column]!.slice(0, 90), run: () => check(row[column]!, row) }))

export const sections: ReadonlyArray<Section> = [
  {
    title: "bencode_cases.tsv",
    needs: [["bencode_cases.tsv"]],
    minimum: 96,
    cases: () => cases("bencode_cases.tsv", "input(escaped)", (_, row) => bencode(row)),
  },
  {
    title: "magnet_cases.tsv",
    needs: [["magnet_cases.tsv"]],
    minimum: 45,
    cases: () => cases("magnet_cases.tsv", "uri", (uri, row) => magnet(uri, row["libtorrent_2.0.8"]!)),
  },
]
