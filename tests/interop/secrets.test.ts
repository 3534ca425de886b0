/** What must not be seen: passkeys and passwords in anything that people show to others, and files of others' making. */
import { mkdirSync, readdirSync, readFileSync, statSync } from "node:fs"
import { join } from "node:path"
import process from "node:process"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import * as Process from "../support/Process.ts"
import * as Shoal from "../support/Shoal.ts"
import * as TempDir from "../support/TempDir.ts"
import * as Torrents from "../support/Torrents.ts"

const temp = TempDir.make("secrets")
const PASSWORD = "hunter2secret"
const KEY = "0123456789abcdef0123456789abcdef"
/** Nobody listens there: what fails is told with where. */
let tracker: string
let torrent: Torrents.TestTorrent

beforeAll(async () => {
  const port = await Process.freePort()
  tracker = `http://bob:${PASSWORD}@127.0.0.1:${port}/announce/${KEY}?passkey=${KEY}`
  torrent = await Torrents.make({
    dir: temp.path,
    name: "content.bin",
    files: [{ path: "", length: 100_000 }],
    pieceLength: 32_768,
    trackers: [tracker],
    writer: "own",
  })
})
afterAll(() => temp.remove())

const secrets = (text: string): ReadonlyArray<string> =>
  text.split("\n").filter((line) => line.includes(PASSWORD) || line.includes(KEY))

/** Runs a command, to its end or until it listens, and gives both streams and its logs. */
const told = async (args: ReadonlyArray<string>, isService = false): Promise<string> => {
  const logs = temp.sub(`logs-${Math.random()}`)
  await using run = Shoal.start([...args, "--log-level", "all", "--log-dir", logs], {
    home: temp.sub("home"),
  })
  if (isService) {
    // Its tracker has been asked, and in vain.
    await run.child.line(/"event":"tracker"|tracker http.*refused/, 60_000)
    run.child.signal("SIGINT")
  }
  await run.end(90_000)
  const files = readdirSync(logs).map((name) => readFileSync(join(logs, name), "utf8"))
  return [run.child.stdout(), run.child.stderr(), ...files].join("\n")
}

describe("passkeys and passwords stay out of", () => {
  test("what a seeder and a downloader say and log, for people and for scripts", async () => {
    const common = ["--port", "0", "--bind", "127.0.0.1"]
    for (const isJson of [false, true]) {
      const more = isJson ? ["--json", "--log-format", "json"] : ["--log-format", "logfmt"]
      const link = `magnet:?xt=urn:btih:${torrent.infoHash}&tr=${encodeURIComponent(tracker)}`
      const commands = [
        ["seed", torrent.file, "--data", torrent.dataDir],
        ["download", torrent.file, "--out", temp.sub(`out-${isJson}`)],
        ["download", link, "--out", temp.sub(`link-${isJson}`)],
      ]
      for (const command of commands) {
        const text = await told([...command, ...common, ...more], true)
        // It was told, without.
        expect(text).toMatch(/127\.0\.0\.1:\d+\/announce\/\*\*\*/)
        expect(secrets(text)).toEqual([])
      }
    }
  }, 200_000)

  test.each([
    ["announce", () => ["announce", torrent.file, "--tracker", tracker]],
    ["scrape", () => ["scrape", torrent.file, "--tracker", tracker]],
    ["a URL that is no torrent's", () => ["inspect", tracker]],
    ["the same for scripts", () => ["inspect", tracker, "--json"]],
    [
      "a URL of no scheme that is known",
      () => ["announce", torrent.file, "--tracker", tracker.replace("http", "htp")],
    ],
    ["a tracker that create refuses", () => ["create", torrent.file, "-t", tracker.replace("http", "htp")]],
    ["a link that is wrong", () => ["inspect", `magnet:?xt=urn:btih:zz&tr=${encodeURIComponent(tracker)}`]],
    ["a store that isn't there", () => ["tracker", "--redis", `rediss:/bob:${PASSWORD}@x`]],
  ])("errors: %s", async (_, args) => {
    const text = await told(args())
    expect(text).toMatch(/\S/)
    expect(secrets(text)).toEqual([])
  })
})

describe.runIf(process.platform !== "win32")("files of its own", () => {
  const modeOf = (path: string): string => (statSync(path).mode & 0o777).toString(8)

  test.each(["node", "deno"] as const)(
    "are for their owner alone, on %s, whatever the umask",
    async (runtime) => {
      const home = temp.sub(`modes-${runtime}`)
      const data = temp.sub(`data-${runtime}`)
      mkdirSync(join(data, "logs"))
      Torrents.writeData(join(data, "shared.bin"), 50_000, runtime)
      const at = (args: ReadonlyArray<string>) =>
        Shoal.start([...args, "--json", "--log-dir", join(data, "logs")], {
          runtime,
          home,
          env: Shoal.WITH_DHT,
          enter: ["sh", "-c", 'umask 000; exec "$@"', "sh"],
        })
      await using sharing = at([
        ...["share", join(data, "shared.bin"), "--port", "0", "--bind", "127.0.0.1", "--no-lsd"],
        ...["--dht-bootstrap", "127.0.0.1:9", "-t", tracker],
      ])
      await sharing.event("listening")
      sharing.child.signal("SIGINT")
      await sharing.end()
      const key = join(data, "key")
      await using putting = at([
        "dht",
        "put",
        "x",
        "--key",
        key,
        "--dht-bootstrap",
        "127.0.0.1:9",
        "--timeout",
        "1s",
      ])
      await putting.end()
      await using tracking = at([
        "tracker",
        "--http-port",
        "0",
        "--no-udp",
        "--state",
        join(data, "swarms.bin"),
      ])
      await tracking.event("listening")
      tracking.child.signal("SIGINT")
      await tracking.end()

      const state = join(home, ".local/state/shoal")
      expect(modeOf(state)).toBe("700")
      for (const folder of readdirSync(state, { withFileTypes: true }).filter((one) => one.isDirectory())) {
        expect(modeOf(join(state, folder.name)), folder.name).toBe("700")
      }
      expect(modeOf(key)).toBe("600")
      expect(modeOf(join(data, "swarms.bin"))).toBe("600")
      const logs = readdirSync(join(data, "logs"))
      expect(logs).toHaveLength(3)
      for (const name of logs) expect(modeOf(join(data, "logs", name)), name).toBe("600")
      // What is the user's follows the umask.
      expect(modeOf(join(data, ".shoal"))).toBe("777")
    },
    120_000,
  )
})
