/**
 * Least privilege under Deno: each command runs with exactly the flags that cli/README.md has for it, and with any of them
 * missing it ends with one line that says what to add. The flags are read out of that page, so that it can't be wrong.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import * as Clients from "../support/Clients.ts"
import * as Process from "../support/Process.ts"
import * as Shoal from "../support/Shoal.ts"
import * as TempDir from "../support/TempDir.ts"
import * as Torrents from "../support/Torrents.ts"

const root = fileURLToPath(new URL("../..", import.meta.url))

interface Permission {
  /** `--allow-read` */
  readonly flag: string
  /** `TORRENT,DIR`; empty for all. */
  readonly value: string
  /** Without it the command works, too. */
  readonly isOptional: boolean
}

/** The table of the page: a command's first words, and its permissions. */
const documented: ReadonlyMap<string, ReadonlyArray<Permission>> = (() => {
  const page = readFileSync(join(root, "cli/README.md"), "utf8")
  const lines = page.slice(page.indexOf("### Under Deno")).split("\n")
  const start = lines.findIndex((line) => line.startsWith("| command"))
  const end = lines.findIndex((line, at) => at > start && !line.startsWith("|"))
  const cells = (line: string) => line.slice(1, -1).split("|").map((cell) => cell.trim())
  const [, ...flags] = cells(lines[start]!).map((cell) => cell.replaceAll("`", ""))
  return new Map(
    lines.slice(start + 2, end).flatMap((line) => {
      const [commands, ...values] = cells(line)
      const permissions = values.flatMap((cell, at) =>
        cell === "" ? [] : [{
          flag: flags[at]!,
          value: cell === "all" ? "" : cell.replace(/[`()]/g, ""),
          isOptional: cell.startsWith("("),
        }]
      )
      return [...commands!.matchAll(/`([a-z]+)[^`]*`/g)].map(([, name]) => [name!, permissions] as const)
    }),
  )
})()

const temp = TempDir.make("permissions")
let torrent: Torrents.TestTorrent
let tracker: Shoal.Run
let trackerUrl: string
let seeder: Shoal.Run
let seederPort: number
let home: string
/** Each run has a folder of its own. */
let runs = 0

beforeAll(async () => {
  tracker = Shoal.start(["tracker", "--host", "127.0.0.1", "--http-port", "0", "--no-udp", "--json"])
  trackerUrl = String((await tracker.event("listening"))["http"])
  torrent = await Torrents.make({
    dir: temp.sub("content"),
    name: "content.bin",
    files: [{ path: "", length: 700_000 }],
    pieceLength: 32_768,
    trackers: [trackerUrl],
    writer: "own",
  })
  home = temp.sub("home")
  // Gives the content, and is the node by which the DHT is entered.
  const args = [
    "seed",
    torrent.file,
    "--data",
    torrent.dataDir,
    "--json",
    "--port",
    "0",
    "--bind",
    "127.0.0.1",
  ]
  seeder = Shoal.start([...args, "--dht-bootstrap", "127.0.0.1:9"], {
    home: temp.sub("seeder"),
    env: Shoal.WITH_DHT,
  })
  seederPort = Number((await seeder.event("listening"))["port"])
})
afterAll(async () => {
  await seeder?.stop()
  await tracker?.stop()
  temp.remove()
})

/** A command as it is run here, and what its names in the table stand for. */
interface Case {
  readonly args: ReadonlyArray<string>
  readonly names: Readonly<Record<string, string>>
  readonly env?: Readonly<Record<string, string>>
  /** It runs until it is stopped, once it listens. */
  readonly isService?: boolean
}

const CASES: Readonly<Record<string, (folder: string) => Case>> = {
  inspect: () => ({ args: ["inspect", torrent.file], names: { TORRENT: torrent.file } }),
  verify: () => ({
    args: ["verify", torrent.file, "--data", torrent.dataDir],
    names: { TORRENT: torrent.file, DIR: torrent.dataDir },
  }),
  create: (folder) => {
    const path = join(torrent.dataDir, torrent.name)
    return { args: ["create", path, "-o", folder], names: { PATH: path, FOLDER: folder } }
  },
  announce: () => ({
    args: ["announce", torrent.file],
    names: { TORRENT: torrent.file, TRACKER: new URL(trackerUrl).host },
  }),
  scrape: () => ({
    args: ["scrape", torrent.file],
    names: { TORRENT: torrent.file, TRACKER: new URL(trackerUrl).host },
  }),
  download: (folder) => ({
    args: [
      ...["download", torrent.file, "-o", folder, "--port", "0", "--bind", "127.0.0.1"],
      ...["--peer", `127.0.0.1:${seederPort}`, "--dht-bootstrap", `127.0.0.1:${seederPort}`],
    ],
    names: { TORRENT: torrent.file, OUT: folder },
  }),
  seed: () => ({
    args: [
      ...["seed", torrent.file, "--data", torrent.dataDir, "--port", "0", "--bind", "127.0.0.1"],
      ...["--dht-bootstrap", `127.0.0.1:${seederPort}`],
    ],
    names: { TORRENT: torrent.file, DIR: torrent.dataDir },
    isService: true,
  }),
  share: (folder) => {
    const path = join(folder, "shared.bin")
    Torrents.writeData(path, 200_000, "shared")
    return {
      args: [
        ...["share", path, "--port", "0", "--bind", "127.0.0.1"],
        ...["--dht-bootstrap", `127.0.0.1:${seederPort}`],
      ],
      names: { FOLDER: folder },
      isService: true,
    }
  },
  tracker: (folder) => ({
    args: ["tracker", "--http-port", "0", "--udp-port", "0", "--state", join(folder, "swarms.bin")],
    // Any free port, instead of the usual one that somebody may have.
    names: { FOLDER: folder, "[::]:6969": "[::]:0" },
    isService: true,
  }),
  dht: () => ({
    args: ["dht", "lookup", torrent.infoHash, "--dht-bootstrap", `127.0.0.1:${seederPort}`],
    names: {},
  }),
  simulate: (folder) => {
    const scenario = join(folder, "scenario.toml")
    writeFileSync(scenario, 'seed = 7\nsize = "256K"\n')
    const report = join(folder, "report")
    return {
      args: ["simulate", scenario, "--peers", "2", "--report", report],
      names: { SCENARIO: scenario, FOLDER: report },
    }
  },
  demo: (folder) => ({
    args: ["demo", "--peers", "1", "--size", "1M"],
    names: { TMP: folder },
    env: { TMPDIR: folder },
  }),
}

const flagOf = ({ flag, value }: Permission, names: Case["names"]): string => {
  const all: Readonly<Record<string, string>> = {
    ...names,
    WORKER: join(root, "shell/node/hashWorker.mjs"),
    STATE: join(home, "state/shoal"),
  }
  const expanded = value.split(",").map((part) => {
    const name = Object.keys(all).find((name) => part === name || part.startsWith(`${name}/`))
    return name === undefined ? part : all[name] + part.slice(name.length)
  })
  return value === "" ? flag : `${flag}=${expanded.join(",")}`
}

/** Runs a command with these flags of Deno and no others, and stops it where it would go on. */
const run = async (flags: ReadonlyArray<string>, { args, env, isService }: Case) => {
  const [deno] = Shoal.command([], "deno")
  await using child = Process.start(deno!, [
    ...["run", "--no-prompt", "--quiet", ...flags, join(root, "cli/Main.ts"), ...args],
  ], {
    name: `deno run ${flags.join(" ")} ${args.join(" ")}`,
    env: {
      ...Shoal.homeEnv(home),
      XDG_STATE_HOME: join(home, "state"),
      NO_COLOR: "1",
      SHOAL_NO_DHT: undefined,
      SHOAL_NO_LSD: undefined,
      ...env,
    },
  })
  if (isService === true) {
    await Promise.race([child.line(/listening on/, 60_000).catch(() => undefined), child.exited])
    child.signal("SIGINT")
  }
  const { code } = await Process.within(child.exited, 60_000, () => Process.report(child))
  return { code, stderr: child.stderr(), report: Process.report(child) }
}

describe.skipIf(Shoal.missing("deno") !== undefined)("under Deno", () => {
  test("every command of the program is in the table, but for stop, which may do all", async () => {
    const [deno] = Shoal.command([], "deno")
    const help = await Process.run(deno!, [
      "run",
      "--no-prompt",
      "--quiet",
      join(root, "cli/Main.ts"),
      "--help",
    ])
    const commands = [...help.slice(help.indexOf("commands:")).matchAll(/^ {2}([a-z]+) /gm)].map(([, name]) =>
      name!
    )
    expect(commands.length).toBeGreaterThan(10)
    const known = [...documented.keys(), "stop"]
    expect(commands.filter((name) => name !== "shoal").toSorted()).toEqual(known.toSorted())
    expect(Object.keys(CASES).toSorted()).toEqual([...documented.keys()].toSorted())
  })

  for (const [name, permissions] of documented) {
    test(
      `${name} runs with its permissions, and ends with one line where one is missing`,
      async (context) => {
        Clients.skipIf(context, Shoal.missing())
        const attempt = async (left: ReadonlyArray<Permission>) => {
          const folder = temp.sub(`run-${++runs}`)
          mkdirSync(join(home, "state/shoal"), { recursive: true })
          const one = CASES[name]!(folder)
          return await run(left.map((permission) => flagOf(permission, one.names)), one)
        }
        const { code, report, stderr } = await attempt(permissions)
        expect(code, report).toBe(isService(name) ? 130 : 0)
        expect(stderr).not.toContain("--allow-")
        for (const missing of permissions) {
          const left = permissions.filter((one) => one !== missing)
          const { code, report, stderr } = await attempt(left)
          if (missing.isOptional) {
            expect(code, report).toBe(isService(name) ? 130 : 0)
            continue
          }
          expect(code, report).toBe(1)
          const failures = stderr.split("\n").filter((line) => line.startsWith("shoal: "))
          expect(failures, report).toHaveLength(1)
          expect(failures[0], report).toContain(missing.flag)
          expect(failures[0], report).not.toMatch(/a bug in shoal/)
          // No stack trace, no question.
          expect(stderr, report).not.toMatch(/^\s+at |Uncaught|\[y\/n|error:/m)
        }
      },
      300_000,
    )
  }

  test("seed --detach hands on no more than it must, and stop ends it", async (context) => {
    Clients.skipIf(context, Shoal.missing())
    using own = TempDir.make("detached")
    const whole = ["--allow-read", "--allow-write", "--allow-net"]
    const variables = "--allow-env=SHOAL_*,HOME,XDG_STATE_HOME,PATH,NODE_V8_COVERAGE"
    const system = "--allow-sys=networkInterfaces"
    const args = ["--data", torrent.dataDir, "--port", "0", "--bind", "127.0.0.1", "--detach"]
    const seed: Case = {
      args: ["seed", torrent.file, ...args],
      names: {},
      env: { XDG_STATE_HOME: own.path, SHOAL_NO_DHT: "true", SHOAL_NO_LSD: "true" },
    }
    const stop: Case = { ...seed, args: ["stop"] }
    // Of a part of what it may do nobody can tell what to hand on.
    const partly = ["--allow-read=" + root + "," + temp.path + "," + own.path, "--allow-write", "--allow-net"]
    const refused = await run([...partly, variables, system, "--allow-run"], seed)
    expect([refused.code, refused.stderr], refused.report).toEqual([
      1,
      expect.stringMatching(/^shoal: [^\n]*run it again with --allow-read\n$/),
    ])
    const started = await run([...whole, variables, system, "--allow-run"], seed)
    expect(started.code, started.report).toBe(0)
    const pid = /process (\d+)/.exec(started.report)?.[1]
    try {
      const line = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0")
      expect(line).toContain("--allow-run=ps")
      expect(line.filter((flag) => flag === "-A" || flag === "--allow-all" || flag === "--allow-run"))
        .toEqual([])
    } finally {
      const stopped = await run([...whole, variables, system, "--allow-run"], stop)
      expect(stopped.code, stopped.report).toBe(0)
    }
    const denied = await run([...whole, variables, system], seed)
    expect([denied.code, denied.stderr], denied.report).toEqual([1, expect.stringMatching(/--allow-run/)])
  }, 120_000)
})

const isService = (name: string): boolean => ["seed", "share", "tracker"].includes(name)

test("the task permits no more than it must", () => {
  const { tasks } = JSON.parse(readFileSync(join(root, "deno.json"), "utf8")) as {
    readonly tasks: Readonly<Record<string, string>>
  }
  expect(tasks["shoal"]).toContain("--no-prompt")
  expect(tasks["shoal"]).not.toMatch(/ -A|--allow-all|--allow-ffi|--allow-env /)
  expect(tasks["shoal:strict"]).not.toMatch(/ -A|--allow-all|--allow-ffi|--allow-env |--allow-run/)
})
