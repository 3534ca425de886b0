/** Hashing what is on the disk: checking a torrent, and making one. */
import { availableParallelism } from "node:os"
import { join } from "node:path"
import * as Aria2 from "../../support/Aria2.ts"
import * as Clients from "../../support/Clients.ts"
import * as Libtorrent from "../../support/Libtorrent.ts"
import * as Process from "../../support/Process.ts"
import * as Shoal from "../../support/Shoal.ts"
import * as TempDir from "../../support/TempDir.ts"
import * as Torrents from "../../support/Torrents.ts"
import type { Case, Contestant } from "../Case.ts"
import { MIB } from "../Figures.ts"
import * as Measure from "../Measure.ts"
import * as Transfer from "./Transfer.ts"

interface Command {
  readonly name: string
  readonly missing: string | undefined
  /** `out` is an empty folder. */
  readonly argv: (torrent: Torrents.TestTorrent, out: string) => ReadonlyArray<string>
}

const shoal = (
  argv: (torrent: Torrents.TestTorrent, out: string) => ReadonlyArray<string>,
): ReadonlyArray<Command> =>
  (["node", "deno"] as const).map((runtime) => ({
    name: `shoal-${runtime}`,
    missing: Shoal.missing(runtime),
    argv: (torrent, out) => Shoal.command(argv(torrent, out), runtime),
  }))

const python = (mode: "check" | "create"): Command => ({
  name: "libtorrent",
  missing: Libtorrent.missing(),
  argv: (torrent, out) => Libtorrent.hashingCommand(mode, torrent, out),
})

const CHECKS: ReadonlyArray<Command> = [
  ...shoal((torrent) => ["verify", torrent.file, "--data", torrent.dataDir, "--quiet"]),
  python("check"),
  {
    name: "aria2",
    missing: Aria2.missing(),
    argv: (torrent) => Aria2.checkCommand(torrent),
  },
]

const CREATIONS: ReadonlyArray<Command> = [
  ...shoal((torrent, out) => [
    ...["create", join(torrent.dataDir, torrent.name), "-o", join(out, "made.torrent"), "--quiet"],
    ...["--piece-size", String(torrent.pieceLength)],
  ]),
  python("create"),
  {
    name: "mktorrent",
    missing: Clients.missing("mktorrent"),
    argv: (torrent, out) => [
      ...["mktorrent", "-t", String(availableParallelism()), "-l", String(Math.log2(torrent.pieceLength))],
      ...["-o", join(out, "made.torrent"), join(torrent.dataDir, torrent.name)],
    ],
  },
]

/** What the machine can hash: OpenSSL's own figure for SHA-1 on one core, in MB/s. */
const opensslNote = async (): Promise<string> => {
  if (Process.find("openssl") === undefined) {
    return "openssl is not installed: no figure of what a core can hash"
  }
  const argv = ["speed", "-elapsed", "-seconds", "2", "-bytes", "16384", "-evp", "sha1"]
  const stdout = await Process.run("openssl", argv)
  const rate = Number(/^sha1\s+([\d.]+)k$/im.exec(stdout)?.[1]) / 1_000
  return `openssl speed, SHA-1, one core: ${rate.toFixed(0)} MB/s; ${availableParallelism()} cores: ` +
    `${(rate * availableParallelism()).toFixed(0)} MB/s at most`
}

const make = (name: string, summary: string, commands: ReadonlyArray<Command>): Case => ({
  name,
  summary,
  metrics: Transfer.METRICS,
  prepare: async ({ dir, pieceLength, size }) => {
    const temp = TempDir.make("bench", dir)
    const bytes = 2 * size
    const torrent = await Transfer.large(temp.path, bytes, pieceLength)
    return {
      title: `${bytes / MIB} MiB in pieces of ${pieceLength / 1024} KiB`,
      contestants: commands.map((command): Contestant => ({
        name: command.name,
        missing: command.missing,
        run: async () => {
          using out = TempDir.make("bench-out", dir)
          const cost = await Measure.run(command.name, command.argv(torrent, out.path), out.sub("home"))
          return Transfer.sample(bytes, cost)
        },
      })),
      note: opensslNote,
      [Symbol.asyncDispose]: () => Promise.resolve(temp.remove()),
    }
  },
})

export const check = make("check", "hashing a torrent's data again", CHECKS)
export const create = make("create", "making a torrent", CREATIONS)
