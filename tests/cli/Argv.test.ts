import { describe, expect, it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import * as Argv from "../../cli/Argv.ts"
import * as Options from "../../cli/Options.ts"

const flags = [
  Options.out,
  Options.peers,
  ...Object.values(Options.common),
  ...Object.values(Options.network),
]

const split = (...argv: ReadonlyArray<string>) => {
  const result = Argv.split(argv, flags)
  if (!result.ok) return result.error
  const { command, given, args } = result.value
  return { command, args, ...Object.fromEntries(given) }
}

describe("options may stand anywhere, in every form", () => {
  const expected = { command: "download", args: ["a", "b"], out: ["x"], quiet: ["true"] }
  it.each([
    [["download", "-o", "x", "-q", "a", "b"]],
    [["download", "a", "b", "--out", "x", "--quiet"]],
    [["download", "a", "--out=x", "b", "--quiet=true"]],
    [["-q", "--out", "x", "download", "a", "b"]],
    [["download", "-qo", "x", "a", "b"]],
    [["download", "-qox", "a", "b"]],
    [["download", "-o=x", "-q", "a", "b"]],
    [["download", "-q", "-o", "x", "--", "a", "b"]],
  ])("%j", (argv) => expect(split(...argv)).toEqual(expected))

  it("takes nothing for an option after --", () => {
    expect(split("inspect", "--", "--json", "-q")).toEqual({ command: "inspect", args: ["--json", "-q"] })
  })
  it("takes words such as true for arguments, not for a switch's value", () => {
    expect(split("inspect", "--json", "true")).toEqual({ command: "inspect", args: ["true"], json: ["true"] })
  })
  it("takes a value that begins with a dash, unless it is an option's name", () => {
    expect(split("download", "-o", "-x")).toMatchObject({ out: ["-x"] })
    expect(split("download", "--out", "--quiet")).toBe("--out needs a value, DIR")
    expect(split("download", "--out=--quiet")).toMatchObject({ out: ["--quiet"] })
  })
  it("a switch can be turned off, against the environment and the config file", () => {
    expect(split("inspect", "--json=false")).toMatchObject({ json: ["false"] })
    expect(split("inspect", "--json=perhaps")).toBe("--json takes true or false, not 'perhaps'")
  })
  it("keeps every value of a list, in order", () => {
    expect(split("download", "--peer", "a:1", "x", "--peer=b:2")).toMatchObject({ peer: ["a:1", "b:2"] })
  })
})

describe("wrong usage is said in one sentence", () => {
  it.each([
    [["download", "--nope"], "unknown option --nope"],
    [["download", "--qiet"], "unknown option --qiet; did you mean --quiet?"],
    [["download", "--prot", "1"], "unknown option --prot; did you mean --port?"],
    [["download", "-x"], "unknown option -x"],
    [["download", "-qx"], "unknown option -x"],
    [["download", "--port"], "--port needs a value, N"],
    [["download", "--port", "1", "-p", "2"], "-p is given twice"],
    [["download", "--__proto__"], "unknown option --__proto__"],
  ])("%j", (argv, expected) => expect(split(...argv)).toBe(expected))
})

it.prop("no words make it throw", [
  fc.array(fc.oneof(fc.string(), fc.constantFrom("-", "--", "-o", "--out", "-q="))),
], (
  [argv],
) => {
  expect(split(...argv)).toBeDefined()
})

it("finds the option that a command does not have", () => {
  const given = new Map([["out", ["x"]], ["quiet", ["true"]]])
  expect(Argv.foreign(given, flags)).toBeUndefined()
  expect(Argv.foreign(given, Object.values(Options.common))).toBe("out")
})
