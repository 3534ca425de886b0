import { describe, expect, it } from "@effect/vitest"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { copyFile, readdir, readFile, stat, writeFile } from "node:fs/promises"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import process from "node:process"
import * as Binary from "./Binary.ts"
import type { Runtime } from "./Binary.ts"
import { type Ended, execute, FIXTURES, jsonLines, withFolder } from "./support.ts"

const LEAVES = join(FIXTURES, "leaves.torrent")
const NUMBERS = join(FIXTURES, "numbers.torrent")

const binary = Binary.build()

const shoal = (runtime: Runtime, args: ReadonlyArray<string>, options: Parameters<typeof execute>[1] = {}) =>
  execute([...binary.command(runtime), ...args], options)

describe.each(Binary.RUNTIMES)("on %s", (runtime) => {
  it("inspect prints one JSON object of the documented shape", async () => {
    const { code, stdout, stderr } = await shoal(runtime, ["inspect", "--json", NUMBERS])
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" })
    expect(jsonLines(stdout)).toMatchObject([{
      name: "numbers",
      infoHash: "89d97c2261a21b040cf11caa661a3ba7233bb7e6",
      totalLength: 6,
      pieceCount: 1,
      private: false,
      trackers: expect.any(Array),
      webSeeds: expect.any(Array),
      files: [
        { index: 1, path: "numbers/1.txt", length: 1 },
        { index: 2, path: "numbers/2.txt", length: 2 },
        { index: 3, path: "numbers/3.txt", length: 3 },
      ],
    }])
  })

  it("verify exits 0 if all is there, and 1 with one line if not", async () => {
    const good = await shoal(runtime, ["verify", LEAVES, "--data", FIXTURES, "--json"])
    expect(good).toMatchObject({ code: 0, stderr: "" })
    expect(jsonLines(good.stdout)).toMatchObject([{ event: "complete", ok: true, pieces: 23, piecesOk: 23 }])
    await withFolder(async (empty) => {
      const bad = await shoal(runtime, ["verify", "-q", "--data", empty, LEAVES])
      expect(bad.code).toBe(1)
      expect(bad.stdout).toMatch(/^missing {2}1 {2}Leaves/)
      expect(bad.stderr).toMatch(/^shoal: .+ 1 of 1 file incomplete .+\n$/)
    })
  })

  it("a failure is one line and exit code 1, in JSON an event, too", async () => {
    const text = await shoal(runtime, ["inspect", "nowhere.torrent"])
    expect(text).toEqual({ code: 1, stdout: "", stderr: "shoal: there is no file nowhere.torrent\n" })
    const json = await shoal(runtime, ["download", "magnet:?xt=urn:btih:a", "--json"])
    const message = "magnet:?xt=urn:btih:a is not a valid magnet link: " +
      "urn:btih needs 40 hexadecimal or 32 base32 digits"
    expect(json).toMatchObject({ code: 1, stderr: `shoal: ${message}\n` })
    expect(jsonLines(json.stdout)).toMatchObject([{ event: "error", reason: "invalid", message }])
  })

  it("shows causes with --log-level debug, and only then", async () => {
    const { stderr } = await shoal(runtime, ["inspect", "nowhere.torrent", "--log-level", "debug"])
    expect(stderr).toMatch(/^shoal: there is no file nowhere.torrent\n[^]*ENOENT/)
  })

  it("wrong usage is exit code 2, one line and a hint", async () => {
    expect(await shoal(runtime, ["download", "--port", "x", "y"])).toEqual({
      code: 2,
      stdout: "",
      stderr: "shoal: --port x: expected a whole number from 0 to 65535\ntry 'shoal download --help'\n",
    })
  })

  it("Ctrl-C ends with exit code 130 and one line", async () => {
    const server = createServer(() => {/* never answers */})
    server.listen(0, "127.0.0.1")
    await once(server, "listening")
    try {
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/x.torrent`
      const [command, ...args] = [...binary.command(runtime), "download", url, "--port", "0"]
      const asked = once(server, "request")
      const child = spawn(command!, args, { stdio: ["ignore", "pipe", "pipe"] })
      let stderr = ""
      child.stderr.setEncoding("utf8").on("data", (text: string) => stderr += text)
      await asked
      // Not child.kill: Deno's then tells the signal instead of the exit code.
      process.kill(child.pid!, "SIGINT")
      const [code] = await once(child, "close")
      expect({ code, stderr }).toEqual({ code: 130, stderr: "interrupted; the same command resumes\n" })
    } finally {
      server.closeAllConnections()
      server.close()
    }
  })
})

it("prints the same on Node and Deno", { timeout: 90_000 }, async () => {
  const outcome = async (runtime: Runtime): Promise<ReadonlyArray<Ended>> => {
    const ended: Array<Ended> = []
    for (
      const args of [
        ["--help"],
        ["download", "--help"],
        ["--version"],
        ["--completions", "zsh"],
        ["inspect", LEAVES],
        ["inspect", join(FIXTURES, "corrupt.torrent")],
        ["verify", "--data", FIXTURES, NUMBERS],
        ["dowload"],
      ]
    ) ended.push(await shoal(runtime, args))
    return ended
  }
  expect(await outcome("deno")).toEqual(await outcome("node"))
})

it("takes options from the environment and a config file", () =>
  withFolder(async (folder) => {
    const config = join(folder, "shoal.toml")
    await writeFile(config, "json = true\n")
    const isJson = async (args: ReadonlyArray<string>, env: Record<string, string>) =>
      (await shoal("node", ["inspect", LEAVES, ...args], { env })).stdout.startsWith("{")
    expect(await isJson([], {})).toBe(false)
    expect(await isJson(["--config", config], {})).toBe(true)
    expect(await isJson([], { SHOAL_CONFIG: config })).toBe(true)
    expect(await isJson(["--config", config], { SHOAL_JSON: "false" })).toBe(false)
    expect(await isJson(["--json"], { SHOAL_JSON: "false" })).toBe(true)
  }))

it("writes a log file a run with --log-dir", () =>
  withFolder(async (folder) => {
    const logs = join(folder, "deep", "logs")
    for (let run = 1; run <= 2; run++) {
      const { code, stderr } = await shoal("node", [
        "inspect",
        LEAVES,
        "--log-dir",
        logs,
        "--log-format",
        "json",
      ])
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" })
      expect(await readdir(logs)).toHaveLength(run)
    }
    for (const name of await readdir(logs)) expect(name).toMatch(/^shoal-\d{8}T\d{9}Z-\d+\.log$/)
    await writeFile(join(folder, "file"), "")
    const blocked = await shoal("node", ["inspect", LEAVES, "--log-dir", join(folder, "file")])
    expect(blocked.code).toBe(1)
    expect(blocked.stderr).toMatch(/^shoal: no log can be written to .+\n$/)
  }))

it("ends quietly when the reader of its output leaves", async () => {
  const [command, ...args] = [
    ...binary.command("node"),
    "inspect",
    "--json",
    join(FIXTURES, "sintel.torrent"),
  ]
  const child = spawn(command!, args, { stdio: ["ignore", "pipe", "pipe"] })
  child.stdout.destroy()
  let stderr = ""
  child.stderr.setEncoding("utf8").on("data", (text: string) => stderr += text)
  const [code] = await once(child, "close")
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" })
})

it("starts lean: --help within 70 MB, and twice the quarter of a second of processor time that a quiet machine allows", async () => {
  // Not maxRSS of the usage: on Linux a child begins with what its parent had when it forked.
  const probe = 'data:text/javascript,process.on("exit",()=>{const{user,system}=process.cpuUsage();' +
    "console.error(process.memoryUsage.rss(),user+system)})"
  const { stderr } = await execute([
    Binary.NODE,
    "--import",
    probe,
    join(binary.folder(), "shoal.mjs"),
    "--help",
  ])
  const [bytes, microseconds] = stderr.trim().split(" ").map(Number)
  expect(bytes).toBeLessThan(70 * 1024 ** 2)
  expect(microseconds).toBeLessThan(500_000)
})

it("is an executable file with what it needs beside it; every test above ran it away from node_modules", async () => {
  expect(await readFile(join(binary.folder(), "shoal.mjs"), "utf8")).toMatch(/^#!\/usr\/bin\/env node\n/)
  expect((await stat(join(binary.folder(), "shoal.mjs"))).mode & 0o111).toBe(0o111)
  const { arch, platform, version } = process
  expect((await readdir(binary.folder())).sort()).toEqual([
    "hashWorker.mjs",
    `program-${version}-${platform}-${arch}.cache`,
    "program.js",
    "shoal.mjs",
  ])
})

it("starts without what was compiled when it was built, and beside what isn't that", () =>
  withFolder(async (folder) => {
    const { arch, platform, version } = process
    const cache = `program-${version}-${platform}-${arch}.cache`
    for (const name of await readdir(binary.folder())) {
      if (name !== cache) await copyFile(join(binary.folder(), name), join(folder, name))
    }
    const run = () => execute([Binary.NODE, join(folder, "shoal.mjs"), "--version"])
    const without = await run()
    await writeFile(join(folder, cache), "not what V8 makes")
    const beside = await run()
    expect([without.code, without.stdout, without.stderr]).toEqual([0, expect.stringMatching(/^shoal /), ""])
    expect(beside).toEqual(without)
  }))
