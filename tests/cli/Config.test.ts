import { describe, expect, it } from "@effect/vitest"
import * as Config from "../../cli/Config.ts"
import * as Options from "../../cli/Options.ts"

const download = [
  Options.out,
  Options.peers,
  Options.flag("sequential", ""),
  ...Object.values(Options.common),
]
const verify = [Options.data, ...Object.values(Options.common)]
const known = new Map([["download", download], ["verify", verify]])

describe("the environment", () => {
  const read = (env: Record<string, string>) => {
    const result = Config.fromEnvironment(env, download)
    return result.ok ? Object.fromEntries(result.value) : result.error
  }
  it("names variables after options", () => expect(Config.variable("max-peers")).toBe("SHOAL_MAX_PEERS"))
  it("reads values, lists and switches", () => {
    expect(read({ SHOAL_OUT: "x", SHOAL_PEER: "a:1, b:2", SHOAL_SEQUENTIAL: "1", SHOAL_JSON: "false" }))
      .toEqual({ out: ["x"], peer: ["a:1", "b:2"], sequential: ["true"], json: ["false"] })
  })
  it("takes no notice of empty variables, other commands' options and other names", () => {
    expect(read({ SHOAL_OUT: "", SHOAL_DATA: "y", SHOAL_CORPORA: "z", OUT: "w" })).toEqual({})
  })
  it("refuses a switch that is neither on nor off", () => {
    expect(read({ SHOAL_SEQUENTIAL: "maybe" })).toBe("SHOAL_SEQUENTIAL takes true or false, not 'maybe'")
  })
})

describe("the config file", () => {
  const read = (toml: string, command = "download") => {
    const result = Config.fromFile(toml, command, known)
    return result.ok ? Object.fromEntries(result.value) : result.error
  }
  it("reads options by their names", () => {
    expect(read(`out = "x"\npeer = ["a:1", "b:2"]\nsequential = true\nquiet = false\n`))
      .toEqual({ out: ["x"], peer: ["a:1", "b:2"], sequential: ["true"], quiet: ["false"] })
  })
  it("a command's own table goes before the top level, and other commands' tables do not count", () => {
    const toml = `out = "x"\nquiet = true\n[download]\nout = "y"\n[verify]\ndata = "z"\nquiet = false`
    expect(read(toml)).toEqual({ out: ["y"], quiet: ["true"] })
    expect(read(toml, "verify")).toEqual({ data: ["z"], quiet: ["false"] })
  })
  it("leaves options of other commands alone at the top level", () => {
    expect(read(`data = "z"`)).toEqual({})
  })
  it.each([
    [`ot = "x"`, "unknown option 'ot'; did you mean 'out'?"],
    [`[download]\ndata = "x"`, "unknown option 'download.data'"],
    [`[nothing]\nout = "x"`, "unknown option 'nothing'"],
    [`out = true`, "out: expected a string or a number"],
    [`sequential = "yes"`, "sequential: expected true or false"],
    [`peer = [true]`, "peer: expected an array of strings"],
    [`log_level = "x"`, "unknown option 'log_level'; did you mean 'log-level'?"],
  ])("%j is refused", (toml, expected) => expect(read(toml)).toBe(expected))
  it("says on which line the syntax is wrong", () => {
    expect(read(`out = "x"\nquiet = = true`)).toMatch(/^line 2: /)
  })
})
