/** Bad input 84: every command as a process, with hostile names wherever it takes some, and a scan of all that it prints. */
import { Buffer } from "node:buffer"
import { mkdirSync, writeFileSync } from "node:fs"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import process from "node:process"
import { afterAll, expect, vi } from "vitest"
import * as Binary from "../cli/Binary.ts"
import { type Ended, execute } from "../cli/support.ts"
import * as Bencode from "../support/Bencode.ts"
import * as TempDir from "../support/TempDir.ts"
import { clean, HOSTILE } from "../support/Terminal.ts"
import { row } from "./Row.ts"
import { named } from "./Torrent.ts"

vi.setConfig({ testTimeout: 240_000 })
const temp = TempDir.make("commands")
afterAll(temp.remove)

const binary = Binary.build()
const folder = temp.sub("commands")
const file = join(folder, "a.torrent")
const env = {
  HOME: folder,
  XDG_STATE_HOME: join(folder, "state"),
  SHOAL_NO_DHT: "true",
  SHOAL_NO_LSD: "true",
}

const shoal = (...args: ReadonlyArray<string>): Promise<Ended> =>
  execute([...binary.command("node"), ...args], { env, cwd: folder })

/** A tracker that answers each question with the same. */
const withTracker = async (answer: Buffer, use: (url: string) => Promise<void>): Promise<void> => {
  const server = createServer((_, response) => response.end(answer))
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  try {
    await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}/announce`)
  } finally {
    server.closeAllConnections()
    server.close()
  }
}

/** Runs the command and gives all that it printed; it must have ended by itself. */
const printed = async (...args: ReadonlyArray<string>): Promise<string> => {
  const { code, stderr, stdout } = await shoal(...args)
  expect(code, JSON.stringify([args, stdout, stderr])).not.toBeNull()
  return stdout + stderr
}

row(84, "a torrent and a link hostile in every field -> every command shows them harmlessly", async () => {
  const link = `magnet:?xt=urn:btih:${"ab".repeat(20)}&dn=${encodeURIComponent(HOSTILE)}&tr=${
    encodeURIComponent(HOSTILE)
  }`
  writeFileSync(file, named(HOSTILE, "http://127.0.0.1:9/announce"))
  for (const extra of [[], ["--json"], ["--log-level", "all", "--log-format", "logfmt"]]) {
    const runs = [
      ["inspect", file],
      ["inspect", link],
      ["verify", file, "--data", folder],
      ["seed", file, "--data", join(folder, "empty"), "--bind", "127.0.0.1", "--port", "0"],
      ["download", file, "--select", "99", "--out", folder],
    ]
    for (const args of runs) clean(args.concat(extra).join(" "), await printed(...args, ...extra))
  }
})

row(84, "arguments that are hostile themselves -> the error repeats them harmlessly", async () => {
  const argument = HOSTILE.replaceAll("\0", "")
  const runs = [
    [argument],
    ["inspect", argument],
    ["inspect", `http://[${argument}`],
    ["inspect", `magnet:?xt=urn:btih:${argument}`],
    ["download", "x", `--${argument}`],
    ["download", "x", "--select", argument, "--port", argument],
    ["inspect", file, "--config", argument],
    ["verify", file, "--data", argument],
    ["create", argument],
    ["stop", argument],
    ["simulate", argument],
    ["dht", argument, argument],
    ["dht", "get", argument],
    ["tracker", "--host", argument],
    ["announce", argument, "--tracker", argument],
    ["scrape", argument, "--tracker", argument],
    ["share", argument],
  ]
  for (const args of runs) {
    const ended = await shoal(...args)
    expect(ended.code, JSON.stringify([args, ended])).toBeGreaterThan(0)
    clean(JSON.stringify(args), ended.stdout + ended.stderr)
  }
})

row(84, "a tracker's failures and warnings -> one line each", async () => {
  const peers = [{ ip: HOSTILE, port: 1 }, { ip: "192.0.2.1", port: 1 }]
  const answers = [
    { "failure reason": HOSTILE, "retry in": HOSTILE },
    { interval: 1_800, peers, "warning message": HOSTILE, "tracker id": HOSTILE, "external ip": HOSTILE },
  ]
  for (const answer of [...answers.map(Bencode.encode), Buffer.from(`<title>${HOSTILE}</title>`)]) {
    await withTracker(answer, async (url) => {
      writeFileSync(file, named(HOSTILE, url))
      for (
        const [command, extra] of [["announce", []], ["scrape", []], ["announce", ["--json"]]] as const
      ) {
        const { stdout, stderr } = await shoal(command, file, "--tracker", url, ...extra)
        clean(`${command} ${JSON.stringify(answer.toString("latin1").slice(0, 40))}`, stdout + stderr)
      }
    })
  }
})

row(84, "file names of the user's own disk -> create shows them harmlessly", async () => {
  // Windows takes no such names.
  const name = process.platform === "win32" ? "evil" : HOSTILE.replaceAll("\0", "")
  const data = join(folder, "data")
  mkdirSync(join(data, name), { recursive: true })
  writeFileSync(join(data, name, `a ${name}`), "content")
  writeFileSync(join(data, `b ${name}`), "content")
  const out = (i: number) => join(folder, `created ${i}.torrent`)
  clean("create", await printed("create", data, "--out", out(1)))
  clean("create of a name", await printed("create", join(data, name), "--out", out(2)))
  clean("create --json", await printed("create", data, "--json", "--out", out(3)))
  clean("create over a folder", await printed("create", data, "--out", join(data, name)))
  clean("what was made", await printed("inspect", out(1)))
})

row(84, "a scenario with hostile names of classes -> simulate shows them harmlessly", async () => {
  const scenario = await shoal("simulate", "--print-scenario", "--size", "64K", "--peers", "2")
  expect(scenario.code, JSON.stringify(scenario)).toBe(0)
  const toml = (text: string) => JSON.stringify(text).replaceAll("\x7f", "\\u007f")
  writeFileSync(
    join(folder, "s.toml"),
    scenario.stdout.replace(/name = "[^"]*"/g, (_, i: number) => `name = ${toml(`${HOSTILE}${i}`)}`),
  )
  clean("simulate", await printed("simulate", "s.toml"))
  clean("simulate --json", await printed("simulate", "s.toml", "--json"))
  clean("simulate --print-scenario", await printed("simulate", "s.toml", "--print-scenario"))
})
