/** Uploading, from the command line to the socket: the program as processes that trade with each other. */
import { describe, expect, it } from "@effect/vitest"
import { copyFileSync, existsSync, readdirSync, readFileSync } from "node:fs"
import { createServer } from "node:net"
import { join } from "node:path"
import process from "node:process"
import * as Process from "../support/Process.ts"
import { homeEnv } from "../support/Shoal.ts"
import * as TempDir from "../support/TempDir.ts"
import * as Binary from "./Binary.ts"
import type { Runtime } from "./Binary.ts"
import { FIXTURES } from "./support.ts"

const binary = Binary.build()

const LEAVES = join(FIXTURES, "leaves.torrent")
const EPUB = "Leaves of Grass by Walt Whitman.epub"
const BYTES = 362_017
const TIMEOUT_MS = 60_000

/** On loopback, on any free port. */
const HERE = ["--bind", "127.0.0.1", "--port", "0"]

/** Folders of one test, and how it starts shoal: with its state below one of them. */
const stage = (runtime: Runtime) => {
  const folder = TempDir.make("seeding")
  const data = folder.sub("data")
  copyFileSync(join(FIXTURES, EPUB), join(data, EPUB))
  const start = (args: ReadonlyArray<string>): Process.Child => {
    const [program, ...words] = [...binary.command(runtime), ...args]
    return Process.start(program!, words, {
      name: `shoal ${args.join(" ")}`,
      env: { NO_COLOR: "1", ...homeEnv(folder.sub("home")) },
    })
  }
  const run = async (args: ReadonlyArray<string>) => {
    const child = start(args)
    const { code } = await child.exited
    return { code, stdout: child.stdout(), stderr: child.stderr() }
  }
  return {
    data,
    out: folder.sub("out"),
    background: join(folder.path, "home/.local/state/shoal/background"),
    path: folder.path,
    start,
    run,
    [Symbol.dispose]: folder.remove,
  }
}

type Fields = Readonly<Record<string, unknown>>

/** The first JSON line of this event, once it is there. */
const event = async (child: Process.Child, name: string): Promise<Fields> =>
  JSON.parse((await child.line(new RegExp(`^\\{"event":"${name}",.*`)))[0]) as Fields

const peerOf = ({ host, port }: Fields): string => `${host}:${port}`

const isSame = (folder: string): boolean =>
  readFileSync(join(folder, EPUB)).equals(readFileSync(join(FIXTURES, EPUB)))

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    // One that has ended and that nobody has waited for yet is none.
    const status = `/proc/${pid}/status`
    return !existsSync(status) || !/^State:\s+[ZX]/m.test(readFileSync(status, "utf8"))
  } catch {
    return false
  }
}

describe.each(Binary.RUNTIMES)("on %s", (runtime) => {
  it(
    "one seeds, one downloads and seeds in turn, one downloads from that",
    { timeout: TIMEOUT_MS },
    async () => {
      using scene = stage(runtime)
      const first = scene.start([
        "seed",
        LEAVES,
        "--data",
        scene.data,
        "--json",
        "--seed-ratio",
        "1",
        ...HERE,
      ])
      const peer = peerOf(await event(first, "listening"))
      const port = await Process.freePort()
      const second = scene.start([
        ...["download", LEAVES, "-o", scene.out, "--json", "--peer", peer],
        ...["--bind", "127.0.0.1", "--port", String(port), "--seed-ratio", "1", "--log-level", "debug"],
      ])
      expect(await event(second, "seeding")).toMatchObject({ bytes: BYTES, name: EPUB })
      expect(isSame(scene.out)).toBe(true)
      // What the first one has given is what it was to give.
      expect(await event(first, "complete")).toMatchObject({ uploaded: BYTES, ratio: 1 })
      expect(await first.exited).toMatchObject({ code: 0 })

      const third = join(scene.path, "third")
      const last = await scene.run(["download", LEAVES, "-o", third, "--peer", `127.0.0.1:${port}`, ...HERE])
      expect(last).toMatchObject({ code: 0, stdout: expect.stringMatching(/^done: Leaves of Grass/) })
      expect(isSame(third)).toBe(true)
      expect(await second.exited).toMatchObject({ code: 0 })
      expect(await event(second, "complete")).toMatchObject({
        bytes: BYTES,
        downloaded: BYTES,
        uploaded: BYTES,
        ratio: 1,
        hashFailures: 0,
        seedSeconds: expect.any(Number),
      })
      expect(second.stderr()).toMatch(/ DEBUG peer 127\.0\.0\.1:\d+ may download from us: .+\(round-robin\)/)
    },
  )

  it("SIGTERM and Ctrl-C stop it, and a second one at once", { timeout: TIMEOUT_MS }, async () => {
    using scene = stage(runtime)
    for (const signals of [["SIGTERM"], ["SIGINT", "SIGINT"]] as const) {
      const child = scene.start(["seed", LEAVES, "--data", scene.data, "--json", ...HERE])
      await event(child, "listening")
      for (const signal of signals) child.signal(signal)
      expect(await child.exited).toMatchObject({ code: 130 })
      // The second one may come before the last line.
      if (signals.length > 1) continue
      expect(await event(child, "stopped")).toMatchObject({ uploaded: 0, ratio: 0 })
      expect(child.stderr()).toBe("stopped; the same command goes on\n")
    }
  })

  it("--detach puts it in the background, and stop ends it there", { timeout: TIMEOUT_MS }, async () => {
    using scene = stage(runtime)
    const detach = ["seed", LEAVES, "--data", scene.data, "--detach", ...HERE]
    const started = await scene.run(detach)
    expect(started).toMatchObject({ code: 0, stderr: "" })
    const [, host, pidText, log] =
      /^seeding .+, listening on (.+)\nin the background: process (\d+), log (.+); 'shoal stop' ends it\n$/
        .exec(started.stdout)!
    const pid = Number(pidText)
    try {
      expect(isAlive(pid)).toBe(true)
      expect(log!.startsWith(scene.background)).toBe(true)

      const again = await scene.run([...detach, "--json"])
      expect(again).toMatchObject({
        code: 1,
        stderr: expect.stringMatching(
          /^shoal: .+ is seeded in the background already, by process \d+; .+\n$/,
        ),
      })
      const download = ["download", LEAVES, "-o", scene.out, "--peer", host!, ...HERE]
      expect(await scene.run(download)).toMatchObject({ code: 0 })

      expect(await scene.run(["stop", LEAVES])).toEqual({
        code: 0,
        stdout: `stopped ${EPUB} (process ${pid})\n`,
        stderr: "",
      })
      expect(isAlive(pid)).toBe(false)
      expect(readFileSync(log!, "utf8")).toMatch(/\nstopped: .+, 353\.5 KiB in .+\nstopped; .+\n$/)
      expect(readdirSync(scene.background).filter((name) => !name.endsWith(".log"))).toEqual([])
      expect(await scene.run(["stop", "--all"])).toMatchObject({
        code: 1,
        stderr: "shoal: nothing runs in the background\n",
      })
    } finally {
      if (isAlive(pid)) process.kill(pid, "SIGKILL")
    }
  })

  it("--detach fails with the words of what failed in the background", { timeout: TIMEOUT_MS }, async () => {
    using scene = stage(runtime)
    const { code, stderr, stdout } = await scene.run([
      ...["seed", LEAVES, "--data", scene.out, "--detach", "--json"],
      ...HERE,
    ])
    expect(code).toBe(1)
    expect(JSON.parse(stdout)).toMatchObject({ event: "error", reason: "NothingToSeed" })
    expect(stderr).toMatch(/^shoal: Leaves of Grass .+: none of its files is in .+\n$/)
    expect(readdirSync(scene.background).filter((name) => !name.endsWith(".log"))).toEqual([])
  })

  it("share makes the torrent, seeds it, and has a tracker for it", { timeout: TIMEOUT_MS }, async () => {
    using scene = stage(runtime)
    const torrent = join(scene.path, "shared.torrent")
    const command = ["share", join(scene.data, EPUB), "--json", "--tracker-here", "-o", torrent, ...HERE]
    const child = scene.start(command)
    const created = await event(child, "created")
    expect(created).toMatchObject({
      file: torrent,
      infoHash: expect.stringMatching(/^[0-9a-f]{40}$/),
      magnet: expect.stringMatching(/^magnet:\?xt=urn:btih:/),
      totalLength: BYTES,
      trackerHere: [
        expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+\/announce$/),
        expect.stringMatching(/^udp:\/\/127\.0\.0\.1:\d+\/announce$/),
      ],
    })
    expect(await event(child, "listening")).toMatchObject({ infoHash: created["infoHash"] })
    expect(await event(child, "tracker")).toMatchObject({ ok: true })
    expect(await scene.run(["download", torrent, "-o", scene.out, ...HERE])).toMatchObject({ code: 0 })
    expect(isSame(scene.out)).toBe(true)
    child.signal("SIGTERM")
    expect(await child.exited).toMatchObject({ code: 130 })
    // Nothing lies beside the content but what seeding remembers.
    expect(readdirSync(scene.data).sort()).toEqual([".shoal", EPUB])
    const kept = join(scene.path, "home/.local/state/shoal/torrents", `${created["infoHash"]}.torrent`)
    expect(readFileSync(kept)).toEqual(readFileSync(torrent))
  })

  it("what is wrong is one line and exit code 1", { timeout: TIMEOUT_MS }, async () => {
    using scene = stage(runtime)
    const server = createServer().listen(0, "127.0.0.1")
    await new Promise((resolve) => server.once("listening", resolve))
    const { port } = server.address() as { port: number }
    const nowhere = join(scene.path, "nowhere")
    const seed = (torrent: string, data: string, ...more: ReadonlyArray<string>) =>
      scene.run(["seed", torrent, "--data", data, ...HERE, ...more])
    try {
      const outcomes = [
        [await seed(nowhere, scene.data), /^shoal: there is no file .+nowhere\n$/],
        [await seed(LEAVES, nowhere), /^shoal: .+none of its files is in .+nowhere; .+\n$/],
        [await seed(scene.data, scene.data), /^shoal: .+ is a folder, not a \.torrent file\n$/],
        [
          await scene.run(["seed", LEAVES, "--data", scene.data, "--bind", "127.0.0.1", "-p", String(port)]),
          new RegExp(`^shoal: cannot listen on 127\\.0\\.0\\.1:${port}: the port is taken; .+\\n$`),
        ],
        [
          await scene.run(["seed", LEAVES, "--data", scene.data, "--bind", "192.0.2.77"]),
          /^shoal: cannot listen on 192\.0\.2\.77:6881: this machine does not have that address; .+\n$/,
        ],
        [await scene.run(["share", nowhere, ...HERE]), /^shoal: there is no file or folder .+nowhere\n$/],
        [
          await scene.run(["share", join(scene.data, EPUB), "-o", join(scene.data, EPUB), ...HERE]),
          /^shoal: .+ exists already; .+\n$/,
        ],
      ] as const
      for (const [outcome, stderr] of outcomes) {
        expect(outcome).toEqual({ code: 1, stdout: "", stderr: expect.stringMatching(stderr) })
      }
      // A failed seed has left nothing in the folder.
      expect(existsSync(nowhere)).toBe(false)
    } finally {
      server.close()
    }
  })
})

it("ends quietly when the reader of its events leaves", { timeout: TIMEOUT_MS }, async () => {
  using scene = stage("node")
  const seed = [...binary.command("node"), "seed", LEAVES, "--data", scene.data, "--json", ...HERE]
  // The reader leaves after the first line, as `head -1` does; what the program ended with is printed by the shell.
  const { stdout, stderr } = await new Promise<{ stdout: string; stderr: string }>((resolve) => {
    const child = Process.start(
      "bash",
      ["-c", '("$@"; echo "ended with $?" >&2) | head -1', "bash", ...seed],
      {
        env: homeEnv(scene.path),
      },
    )
    void child.exited.then(() => resolve({ stdout: child.stdout(), stderr: child.stderr() }))
  })
  expect(stdout.trimEnd().split("\n")).toHaveLength(1)
  expect(stderr).toBe("ended with 0\n")
})

it("a process that was killed in the background is no hindrance", { timeout: TIMEOUT_MS }, async () => {
  using scene = stage("node")
  const detach = ["seed", LEAVES, "--data", scene.data, "--detach", "--json", ...HERE]
  const pidOf = (stdout: string): number =>
    (JSON.parse(stdout.trimEnd().split("\n").at(-1)!) as { readonly pid: number }).pid
  const first = pidOf((await scene.run(detach)).stdout)
  process.kill(first, "SIGKILL")
  await Process.until("the killed one is gone", () => !isAlive(first))
  const second = pidOf((await scene.run(detach)).stdout)
  expect(isAlive(second)).toBe(true)
  expect(await scene.run(["stop"])).toMatchObject({ code: 0 })
  expect(isAlive(second)).toBe(false)
})
