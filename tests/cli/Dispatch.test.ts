import { describe, expect, it } from "@effect/vitest"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import * as NodeTerminal from "@effect/platform-node/NodeTerminal"
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import type * as Command from "../../cli/Command.ts"
import * as Completions from "../../cli/Completions.ts"
import * as Dispatch from "../../cli/Dispatch.ts"
import * as Download from "../../cli/Download.ts"
import * as Inspect from "../../cli/Inspect.ts"
import * as Seed from "../../cli/Seed.ts"
import * as Share from "../../cli/Share.ts"
import * as Stop from "../../cli/Stop.ts"
import * as Tracker from "../../cli/Tracker.ts"
import * as Verify from "../../cli/Verify.ts"
import { execute, withFolder } from "./support.ts"

const specs = [
  Download.spec,
  Seed.spec,
  Share.spec,
  Stop.spec,
  Inspect.spec,
  Verify.spec,
  Tracker.spec,
] as const

/** Plans an invocation; gives what would run as `[command, options, arguments]`, the text, or the usage error. */
const plan = (args: ReadonlyArray<string>, env: Record<string, string> = {}) => {
  let decoded: unknown
  const remember = (options: unknown, args: ReadonlyArray<string>) => {
    decoded = { ...(options as object), args }
    return Effect.void
  }
  const entries = specs.map((spec: Command.Spec) => Dispatch.entry(spec, remember))
  return Dispatch.plan(entries, { args, env, version: "9.9.9" }).pipe(
    Effect.match({
      onFailure: ({ message, command }) => ({ usage: message, command }),
      onSuccess: (plan) =>
        plan._tag === "Print"
          ? { text: plan.text }
          : { command: plan.spec.name, ...plan.common, ...(decoded as Record<string, unknown>) },
    }),
    Effect.provide(
      Layer.mergeAll(NodeFileSystem.layer, NodePath.layer, NodeTerminal.layer, FetchHttpClient.layer),
    ),
    Effect.runPromise,
  )
}

describe("options of download", () => {
  it("have defaults", async () => {
    expect(await plan(["download", "a.torrent"])).toEqual({
      command: "download",
      allowIdna: false,
      allowLocal: false,
      allTiers: false,
      args: ["a.torrent"],
      json: false,
      quiet: false,
      config: undefined,
      logLevel: undefined,
      logFormat: "pretty",
      logDir: undefined,
      out: ".",
      select: undefined,
      sequential: false,
      peers: [],
      port: undefined,
      seedRatio: undefined,
      seedTime: undefined,
      bind: undefined,
      maxPeers: 80,
      maxDownloadRate: 0,
      maxUploadRate: 0,
      bootstrap: [],
      noDht: false,
      noPex: false,
      noLsd: false,
      metadataOnly: false,
    })
  })

  it("are decoded, whatever side of the arguments they stand on", async () => {
    const options = [
      ..."-o out --sequential --peer 192.0.2.1:1 --peer [::1]:2 --max-peers 5 -d 2M -u 500K -p 0".split(" "),
      ..."--bind 127.0.0.1 --no-dht --no-pex --no-lsd --json -q --log-level WARN --log-format json".split(
        " ",
      ),
    ]
    const expected = {
      args: ["a", "b"],
      out: "out",
      sequential: true,
      peers: [{ host: "192.0.2.1", port: 1 }, { host: "::1", port: 2 }],
      maxPeers: 5,
      maxDownloadRate: 2 * 1024 ** 2,
      maxUploadRate: 500 * 1024,
      port: 0,
      bind: "127.0.0.1",
      noDht: true,
      json: true,
      quiet: true,
      logLevel: "warn",
      logFormat: "json",
    }
    expect(await plan(["download", ...options, "a", "b"])).toMatchObject(expected)
    expect(await plan(["download", "a", "b", ...options])).toMatchObject(expected)
    expect(await plan([...options, "download", "a", "b"])).toMatchObject(expected)
  })

  it("do not take a word of an argument or another option's value for themselves", async () => {
    expect(await plan(["download", "--sequential", "false", "--out=--json"]))
      .toMatchObject({ sequential: true, args: ["false"], out: "--json", json: false })
  })
})

describe("a value is taken from the flag, else the environment, else the file, else the default", () => {
  it("each goes before the next", () =>
    withFolder(async (folder) => {
      const config = join(folder, "shoal.toml")
      await writeFile(
        config,
        `port = 3\nmax-peers = 4\nquiet = true\npeer = ["a:1", "b:2"]\n[download]\nout = "o"\n`,
      )
      const file = ["download", "x", "--config", config]
      expect(await plan(file)).toMatchObject({
        port: 3,
        maxPeers: 4,
        quiet: true,
        out: "o",
        maxDownloadRate: 0,
      })
      expect(await plan(file)).toMatchObject({ peers: [{ host: "a", port: 1 }, { host: "b", port: 2 }] })
      const env = { SHOAL_PORT: "2", SHOAL_MAX_DOWNLOAD_RATE: "1K", SHOAL_QUIET: "false" }
      expect(await plan(file, env)).toMatchObject({
        port: 2,
        maxPeers: 4,
        quiet: false,
        maxDownloadRate: 1024,
      })
      expect(await plan([...file, "--port", "1", "--quiet"], env)).toMatchObject({
        port: 1,
        maxPeers: 4,
        quiet: true,
      })
      expect(await plan(["download", "x"], { SHOAL_CONFIG: config })).toMatchObject({ port: 3 })
      expect(await plan(["verify", "x", "--config", config])).toMatchObject({ data: ".", quiet: true })
    }))

  it("and what is wrong is said to be wrong where it stands", () =>
    withFolder(async (folder) => {
      const config = join(folder, "shoal.toml")
      await writeFile(config, "port = 99999\n")
      const expected = "expected a whole number from 0 to 65535"
      expect(await plan(["download", "x", "-p", "1e3"])).toEqual({
        usage: `--port 1e3: ${expected}`,
        command: "download",
      })
      expect(await plan(["download", "x"], { SHOAL_PORT: "y" })).toMatchObject({
        usage: `SHOAL_PORT y: ${expected}`,
      })
      expect(await plan(["download", "x", "--config", config]))
        .toMatchObject({ usage: `config file: port 99999: ${expected}` })
      await writeFile(config, "prot = 1\n")
      expect(await plan(["download", "x", "--config", config]))
        .toMatchObject({ usage: `config file ${config}: unknown option 'prot'; did you mean 'port'?` })
      expect(await plan(["download", "x", "--config", "/nowhere"]))
        .toMatchObject({ usage: "config file: there is no file /nowhere" })
    }))
})

describe("arguments", () => {
  it("can be left out where the command takes none, or needs none", async () => {
    expect(await plan(["tracker"])).toMatchObject({ command: "tracker", args: [] })
    expect(await plan(["stop"])).toMatchObject({ command: "stop", args: [], all: false })
    expect(await plan(["stop", "a", "b"])).toMatchObject({ args: ["a", "b"] })
  })

  it("stand in the usage line as they can be given", async () => {
    const usage = async (command: string) => {
      const { text } = await plan([command, "--help"]) as { text: string }
      return /^usage: (.*)$/m.exec(text)?.[1]
    }
    expect(await usage("tracker")).toBe("shoal tracker [OPTION]…")
    expect(await usage("stop")).toBe("shoal stop [OPTION]… [TORRENT…]")
    expect(await usage("seed")).toBe("shoal seed [OPTION]… TORRENT…")
    expect(await usage("share")).toBe("shoal share [OPTION]… PATH")
  })
})

describe("wrong usage", () => {
  it.each([
    [[], "no command was given", undefined],
    [["fetch"], "unknown command 'fetch'", undefined],
    [["verfiy", "x"], "unknown command 'verfiy'; did you mean verify?", undefined],
    [["download"], "download needs at least one SOURCE", "download"],
    [["inspect"], "inspect needs a SOURCE", "inspect"],
    [["inspect", "a", "b"], "inspect takes one SOURCE, not 2", "inspect"],
    [["inspect", ""], "an empty SOURCE was given", "inspect"],
    [["tracker", "a"], "tracker takes no argument", "tracker"],
    [["tracker", ""], "tracker takes no argument", "tracker"],
    [["seed"], "seed needs at least one TORRENT", "seed"],
    [["seed", "a", "--seed-ratio", "0"], "--seed-ratio 0: expected a ratio above 0 such as 1 or 1.5", "seed"],
    [["seed", "a", "--seed-time", "1"], /^--seed-time 1: expected a duration/, "seed"],
    [["seed", "a", "-o", "b"], "seed has no option --out", "seed"],
    [["share", "a", "b"], "share takes one PATH, not 2", "share"],
    [["stop", ""], "an empty TORRENT was given", "stop"],
    [["inspect", "a", "--port", "1"], "inspect has no option --port", "inspect"],
    [["download", "a", "--metadata"], /^unknown option --metadata/, "download"],
    [["download", "a", "--peer", "nowhere"], /^--peer nowhere: expected HOST:PORT/, "download"],
    [["download", "a", "--select", "0"], /^--select 0: files are numbered from 1/, "download"],
    [["download", "a", "--max-peers", "0"], /^--max-peers 0: expected a whole number from 1/, "download"],
    [["--completions", "tcsh"], "--completions tcsh: expected one of bash, zsh, fish", undefined],
  ])("%j", async (args, usage, command) => {
    const result = await plan(args)
    if (usage instanceof RegExp) {
      expect(result).toMatchObject({ usage: expect.stringMatching(usage), command })
    } else expect(result).toEqual({ usage, command })
  })
})

describe("help", () => {
  it("of the program names every command, and wins over all else", async () => {
    const { text } = await plan(["--help"]) as { text: string }
    for (const { name, summary } of specs) expect(text).toContain(`  ${name.padEnd(10)}${summary}`)
    expect(await plan(["-h"])).toEqual({ text })
    expect(await plan(["nothing", "--help"])).toEqual({ text })
    expect(await plan(["--help"], { SHOAL_PORT: "wrong" })).toEqual({ text })
    expect(await plan(["--version"])).toEqual({ text: "shoal 9.9.9" })
  })

  it.each(specs.map((spec) => [spec.name, spec] as const))(
    "of %s names every option and one example that works",
    async (
      name,
      spec,
    ) => {
      const { text } = await plan([name, "--help"]) as { text: string }
      for (const flag of Object.values(spec.flags) as ReadonlyArray<{ name: string }>) {
        expect(text).toContain(`--${flag.name}`)
      }
      const examples = text.slice(text.indexOf("\nexample:\n")).trim().split("\n").slice(1)
      expect(examples).toHaveLength(1)
      const words = examples[0]!.trim().split(" ").map((word) => word.replaceAll("'", ""))
      expect(words[0]).toBe("shoal")
      expect(await plan(words.slice(1))).toMatchObject({ command: name })
    },
  )

  it("fits on a wide terminal", async () => {
    for (const args of [["--help"], ...specs.map(({ name }) => [name, "--help"])]) {
      const { text } = await plan(args) as { text: string }
      for (const line of text.split("\n")) expect(line.length).toBeLessThanOrEqual(132)
    }
  })
})

describe("completions", () => {
  const complete = async (words: ReadonlyArray<string>) => {
    const { text } = await plan(["--completions", "bash"]) as { text: string }
    const list = words.map((word) => `'${word}'`).join(" ")
    const { stdout } = await execute([
      "bash",
      "-c",
      `${text}\nCOMP_WORDS=(${list}); COMP_CWORD=${words.length - 1}; _shoal; echo "\${COMPREPLY[@]}"`,
    ])
    return stdout.trim().split(" ")
  }
  it("of bash know commands and each command's options, and leave files to bash", async () => {
    expect(await complete(["shoal", ""])).toEqual(
      expect.arrayContaining(["download", "inspect", "verify", "--help"]),
    )
    expect(await complete(["shoal", "ver"])).toEqual(["verify"])
    expect(await complete(["shoal", "download", "--max"]))
      .toEqual(["--max-peers", "--max-download-rate", "--max-upload-rate"])
    expect(await complete(["shoal", "--json", "verify", "--da"])).toEqual(["--data"])
    expect(await complete(["shoal", "verify", "--max"])).toEqual([""])
    expect(await complete(["shoal", "verify", "x"])).toEqual([""])
  })
  it.each(["zsh", "fish"] as const)("of %s name every command and option", (shell) => {
    const script = Completions.script(specs, shell)
    for (const { name, flags } of specs) {
      expect(script).toContain(name)
      for (const flag of Object.values(flags) as ReadonlyArray<{ name: string }>) {
        expect(script).toContain(flag.name)
      }
    }
    // Quotes stay balanced, with the apostrophes of descriptions escaped.
    const bare = script.replaceAll("'\\''", "").replaceAll("\\'", "")
    expect(bare.split("'").length % 2).toBe(1)
  })
})
