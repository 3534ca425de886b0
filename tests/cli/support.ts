/** What the tests of the command line share: torrents made up, streams that remember, and the program as a process. */
import type { DownloadOptions } from "../../cli/Download.ts"
import { spawn } from "node:child_process"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import process from "node:process"
import { fileURLToPath } from "node:url"
import * as Bytes from "../../core/base/Bytes.ts"
import * as Geometry from "../../core/metainfo/Geometry.ts"
import type { InfoHash, Metainfo } from "../../core/metainfo/Metainfo.ts"
import type { Sink } from "../../cli/Process.ts"
import type { TorrentSnapshot } from "../../shell/Session.ts"

export const ROOT = fileURLToPath(new URL("../..", import.meta.url))

/** Torrents with their payload, from the package webtorrent-fixtures. */
export const FIXTURES = join(ROOT, "node_modules/webtorrent-fixtures/fixtures")

/** A torrent that never was: its hashes are zero. */
export const metainfo = (
  { name = "things", files = [{ path: "things", bytes: 40_000 }], hash = "ab", ...rest }: {
    readonly name?: string
    readonly files?: ReadonlyArray<{ readonly path: string; readonly bytes: number }>
    /** Two hexadecimal digits, which the info-hash repeats. */
    readonly hash?: string
  } & Partial<Pick<Metainfo, "trackers" | "warnings" | "comment" | "creationDate">> = {},
): Metainfo => {
  const geometry = Geometry.make(16_384, files.map(({ bytes }) => bytes))
  const infoHash = hash.repeat(20) as InfoHash
  return {
    infoHash,
    infoHashBytes: Bytes.fromHex(infoHash)!,
    infoBytes: Bytes.empty,
    name,
    files: files.map((file) => ({ ...file, isPadding: false })),
    geometry,
    pieceHashes: new Uint8Array(20 * geometry.pieceCount),
    isPrivate: false,
    trackers: [],
    webSeeds: [],
    warnings: [],
    ...rest,
  }
}

/** A stream that keeps what was written. */
export const memorySink = (isTerminal = false, columns = 80): Sink & { text: string } => {
  const sink = {
    text: "",
    isTerminal,
    columns: () => columns,
    write: (text: string) => void (sink.text += text),
  }
  return sink
}

export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Environment of a child: this one's without shoal's own variables. */
const environment = (extra: Record<string, string>) => ({
  ...Object.fromEntries(
    Object.entries(process.env).filter(([key]) => !key.startsWith("SHOAL_") && key !== "NO_COLOR"),
  ),
  ...extra,
})

/** Runs a program to its end, without a terminal. */
export const execute = (
  command: ReadonlyArray<string>,
  options: { readonly env?: Record<string, string>; readonly cwd?: string } = {},
): Promise<Ended> =>
  new Promise((resolve, reject) => {
    const child = spawn(command[0]!, command.slice(1), {
      cwd: options.cwd ?? ROOT,
      env: environment(options.env ?? {}),
      stdio: ["ignore", "pipe", "pipe"],
    })
    let stdout = ""
    let stderr = ""
    child.stdout.setEncoding("utf8").on("data", (text: string) => stdout += text)
    child.stderr.setEncoding("utf8").on("data", (text: string) => stderr += text)
    child.on("error", reject)
    child.on("close", (code) => resolve({ code, stdout, stderr }))
  })

/** A folder that `use` has for itself. */
export const withFolder = async <A>(use: (folder: string) => Promise<A>): Promise<A> => {
  const folder = await mkdtemp(join(tmpdir(), "shoal-cli-"))
  try {
    return await use(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** The lines of JSON output, parsed. */
export const jsonLines = (text: string): ReadonlyArray<Record<string, unknown>> =>
  text.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line))

/** A torrent's figures: nothing there and nothing going on, but for `changes`. */
export const snapshot = (changes: Partial<TorrentSnapshot> = {}): TorrentSnapshot => ({
  state: "downloading",
  wantedBytes: 40_000,
  haveBytes: 0,
  downloadedBytes: 0,
  uploadedBytes: 0,
  wastedBytes: 0,
  downloadRateBytesPerSec: 0,
  uploadRateBytesPerSec: 0,
  ratio: 0,
  peersConnected: 0,
  peersKnown: 0,
  piecesHave: 0,
  pieceCount: 3,
  hashFailures: 0,
  ...changes,
})

/** The options of `download` as they are when none is given, but for where it writes. */
export const downloadOptions: DownloadOptions = {
  out: "/nowhere/out",
  select: undefined,
  sequential: false,
  peers: [],
  port: undefined,
  bind: undefined,
  allowIdna: false,
  allowLocal: false,
  allTiers: false,
  bootstrap: [],
  maxPeers: 80,
  maxDownloadRate: 0,
  maxUploadRate: 0,
  seedRatio: undefined,
  seedTime: undefined,
  noDht: false,
  noPex: false,
  noLsd: false,
  metadataOnly: false,
}
