/**
 * In which order the program really asks the system to keep things, told by strace: data before what is claimed of it, a
 * draft before its name, and the name itself. A power failure between any two of these leaves the old or the new.
 */
import { spawnSync } from "node:child_process"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import process from "node:process"
import { afterAll, beforeAll, expect, test } from "vitest"
import { build } from "../cli/Binary.ts"
import * as FakePeer from "../support/FakePeer.ts"
import * as Process from "../support/Process.ts"
import * as Shoal from "../support/Shoal.ts"
import * as TempDir from "../support/TempDir.ts"
import * as Torrents from "../support/Torrents.ts"

const strace = Process.find("strace")
/** Where a container forbids tracing, it fails to attach. */
const canTrace = strace !== undefined && spawnSync(strace, ["-f", "-o", "/dev/null", "true"]).status === 0
const { command } = build()

const temp = TempDir.make("order")
let torrent: Torrents.TestTorrent
beforeAll(async () => {
  torrent = await Torrents.small(temp.sub("torrent"), 2_000_000, 65_536)
})
afterAll(temp.remove)

interface Call {
  readonly name: string
  /** Everything between the brackets; descriptors with their paths. */
  readonly text: string
  /** Counted over the lines of the trace. */
  readonly begun: number
  readonly done: number
}

/** The calls of a trace in the order in which they began, those that were interrupted by another thread's put together. */
const parse = (trace: string): ReadonlyArray<Call> => {
  const calls: Array<Call> = []
  const open = new Map<string, Omit<Call, "done">>()
  trace.split("\n").forEach((line, at) => {
    const [, pid = "", rest = ""] = line.match(/^(\d+) +(.*)$/) ?? []
    const resumed = rest.match(/^<\.\.\. (\w+) resumed>(.*)$/)
    if (resumed !== null) {
      const call = open.get(pid)
      open.delete(pid)
      if (call !== undefined && rest.includes("= 0")) calls.push({ ...call, done: at })
      return
    }
    const [, name, text = ""] = rest.match(/^(\w+)\((.*)$/) ?? []
    if (name === undefined) return
    if (text.includes("<unfinished ...>")) open.set(pid, { name, text, begun: at })
    else if (!/= -1 /.test(text)) calls.push({ name, text, begun: at, done: at })
  })
  return calls.toSorted((a, b) => a.begun - b.begun)
}

/** Runs shoal under strace; gives the calls that change files or bring them to the device. */
const traced = async (
  args: ReadonlyArray<string>,
  during: (child: Process.Child) => Promise<void> = () => Promise.resolve(),
): Promise<ReadonlyArray<Call>> => {
  const folder = temp.sub(`trace-${readdirSync(temp.path).length}`)
  const calls =
    "trace=fsync,fdatasync,rename,renameat,renameat2,link,linkat,unlink,pwrite64,pwritev,write,writev"
  const [program, ...argv] = [
    ...[strace!, "-f", "-y", "-s", "0", "-e", calls, "-o", join(folder, "trace")],
    ...[...command("node"), ...args],
  ]
  await using child = Process.start(program!, argv, { name: "shoal", env: Shoal.homeEnv(folder) })
  await during(child)
  await child.exited
  return parse(readFileSync(join(folder, "trace"), "utf8"))
}

const isSync = ({ name }: Call): boolean => name === "fsync" || name === "fdatasync"
const isRename = ({ name }: Call): boolean => name.startsWith("rename")

// Tracing takes strace and the right to it.
test.skipIf(!canTrace)(
  "a download that is stopped: its data is on the device before the claims, and the claims before their name",
  async () => {
    using out = TempDir.make("out")
    await using peer = await FakePeer.start(torrent, { rateBytesPerSec: 3_000_000 })
    const calls = await traced(
      ["download", torrent.file, "--json", "-o", out.path, "--peer", peer.address, ...Shoal.OFFLINE],
      async (child) => {
        await child.line(/"event":"piece"/, 60_000)
        // To shoal, not to strace: it is the only child.
        const [pid] = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, "utf8").trim().split(" ")
        process.kill(Number(pid), "SIGINT")
      },
    )
    const data = join(out.path, torrent.name)
    const draft = `${join(out.path, ".shoal", torrent.infoHash)}.resume.new`
    const written = calls.filter(({ name, text }) => /write/.test(name) && text.includes(`<${data}>`))
    const synced = calls.find((call) => isSync(call) && call.text.includes(`<${data}>`))
    const claimed = calls.find(({ name, text }) => /write/.test(name) && text.includes(`<${draft}>`))
    const draftSynced = calls.find((call) => isSync(call) && call.text.includes(`<${draft}>`))
    const renamed = calls.find((call) => isRename(call) && call.text.includes(draft))
    const folderSynced = calls.find((call) =>
      isSync(call) && call.text.includes(`<${join(out.path, ".shoal")}>`)
    )
    expect(written.length).toBeGreaterThan(0)
    expect(written[0]!.done).toBeLessThan(synced!.begun)
    expect(synced!.done).toBeLessThan(claimed!.begun)
    expect(claimed!.done).toBeLessThan(draftSynced!.begun)
    expect(draftSynced!.done).toBeLessThan(renamed!.begun)
    expect(renamed!.done).toBeLessThan(folderSynced!.begun)
  },
  120_000,
)

test.skipIf(!canTrace)(
  "a torrent that is made: its bytes are on the device before its name, and its name then",
  async () => {
    using out = TempDir.make("out")
    const file = join(out.path, "made.torrent")
    const calls = await traced(["create", join(torrent.dataDir, torrent.name), "-o", file])
    const placed = calls.find(({ name, text }) => /link|rename/.test(name) && text.includes(`"${file}"`))
    const draftSynced = calls.find((call) => isSync(call) && call.text.includes(`<${out.path}/.shoal-`))
    const folderSynced = calls.findLast((call) => isSync(call) && call.text.includes(`<${out.path}>`))
    expect(draftSynced!.done).toBeLessThan(placed!.begun)
    expect(placed!.done).toBeLessThan(folderSynced!.begun)
  },
  120_000,
)
