/** The tree keeps the rules of the house, and the checker of them sees every planted breach. */
import { readdirSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { describe, expect, it } from "vitest"
import * as Tidy from "./support/Tidy.ts"

const ROOT = fileURLToPath(new URL("..", import.meta.url))
const FOLDERS = ["core", "shell", "cli", "tests"]

const FILES = FOLDERS.flatMap((folder) =>
  readdirSync(ROOT + folder, { recursive: true, encoding: "utf8" })
    .map((name) => `${folder}/${name.replaceAll("\\", "/")}`)
    .filter((file) => /\.m?[tj]s$/.test(file) && !file.includes("/node_modules/"))
)

describe("the tree", () => {
  // Parses all of it, on a machine that runs the other tests, too.
  it("keeps the rules", { timeout: 120_000 }, () => {
    expect(FILES.flatMap((file) => Tidy.check(file, readFileSync(ROOT + file, "utf8"))).map(Tidy.format))
      .toEqual([])
  })

  it("is what was looked at", () => {
    expect(FILES).toContain("core/base/Bytes.ts")
    expect(FILES).toContain("tests/tidy.test.ts")
  })
})

// Put together here, so that this file itself keeps the rules.
const HOME = "/ho" + "me/someone/shoal"
const CORE = "core/torrent/Picker.ts"

/** A breach: where, the text, the line it must be found in, and a word of the reason. */
const BREACHES: ReadonlyArray<readonly [file: string, text: string, line: number, reason: string]> = [
  // Direction
  ["core/base/Bytes.ts", `import * as A from "../bencode/Decode.ts"`, 1, "above"],
  ["core/bencode/Decode.ts", `\nexport * from "../metainfo/Geometry.ts"`, 2, "above"],
  ["core/metainfo/Metainfo.ts", `import type { Item } from "../wire/Message.ts"`, 1, "above"],
  ["core/wire/Decoder.ts", `import "../torrent/Picker.ts"`, 1, "above"],
  ["core/tracker/Schedule.ts", `import * as A from "../torrent/Torrent.ts"`, 1, "above"],
  ["core/dht/Node.ts", `import * as A from "../torrent/Peer.ts"`, 1, "above"],
  ["core/dht/Node.ts", `import * as A from "../tracker/Announce.ts"`, 1, "don't know each other"],
  ["core/tracker/Swarm.ts", `import * as A from "../dht/Node.ts"`, 1, "don't know each other"],
  ["core/client/Client.ts", `import * as A from "../sim/World.ts"`, 1, "above"],
  ["core/sim/World.ts", `import * as A from "../index.ts"`, 1, "above"],
  ["core/base/Bytes.ts", `import * as A from "../newfolder/A.ts"`, 1, "no place"],
  [CORE, `import * as A from "../../shell/Driver.ts"`, 1, "cli → shell → core"],
  ["core/index.ts", `export * from "../cli/Main.ts"`, 1, "cli → shell → core"],
  ["shell/Session.ts", `import * as A from "../cli/Main.ts"`, 1, "cli → shell → core"],
  ["shell/sim/World.ts", `type A = import("../../cli/Main.ts").A`, 1, "cli → shell → core"],
  ["shell/Session.ts", `import * as A from "../tests/support/Torrents.ts"`, 1, "cli → shell → core"],
  [CORE, `import data from "../../package.json" with { type: "json" }`, 1, "cli → shell → core"],
  ["cli/Main.ts", `const a = await import("../tests/support/Torrents.ts")`, 1, "cli → shell → core"],
  // Packages
  [CORE, `import * as Effect from "effect/Effect"`, 1, "no dependencies"],
  [CORE, `import { x } from "node:buffer"`, 1, "no dependencies"],
  [CORE, `export { x } from "npm:x"`, 1, "no dependencies"],
  [CORE, `import type { Bytes } from "shoal/core"`, 1, "no dependencies"],
  ["shell/Driver.ts", `import { open } from "node:fs"`, 1, "shell/node"],
  ["shell/Driver.ts", `import { open } from "fs"`, 1, "shell/node"],
  ["shell/sim/Disk.ts", `const fs = await import("node:fs/promises")`, 1, "shell/node"],
  ["cli/Main.ts", `import process from "node:process"`, 1, "shell/node"],
  ["shell/Driver.ts", `import { Effect } from "effect"`, 1, "barrel"],
  ["shell/Driver.ts", `import type { Effect } from "effect"`, 1, "barrel"],
  ["shell/node/Files.ts", `import * as P from "@effect/platform"`, 1, "barrel"],
  ["cli/Main.ts", `import { NodeRuntime } from "@effect/platform-node"`, 1, "barrel"],
  ["cli/Main.ts", `import { Command } from "@effect/cli"`, 1, "barrel"],
  [CORE, `import * as A from "./Peer"`, 1, "no extension"],
  ["tests/a.test.ts", `import * as A from "../core/torrent/Peer"`, 1, "no extension"],
  // Ambient input
  ...[
    "Deno.cwd()",
    "process.env",
    "Date.now()",
    "new Date()",
    "performance.now()",
    "Math.random()",
    `Math["random"]()`,
    "crypto.randomUUID()",
    "setTimeout(() => {}, 1)",
    "setInterval(f, 1)",
    "setImmediate(f)",
    "queueMicrotask(f)",
    "console.log(1)",
    "new TextEncoder()",
    "new TextDecoder()",
    `fetch("http://example.com")`,
    "globalThis.x",
    "Buffer.alloc(1)",
    "Promise.resolve(1)",
    "Intl.Collator",
    `"a".localeCompare("b")`,
    "(1).toLocaleString()",
    "structuredClone(1)",
    `require("fs")`,
    `eval("1")`,
    `new Function("return 1")`,
    "new WeakRef({})",
    "new SharedArrayBuffer(1)",
    "import.meta.url",
    "{ ...process }",
    "`${Date.now()}`",
    "[console]",
    "{ fetch }",
    "{ now: Date.now }",
  ].map((code) => [CORE, `const f = () => {}\n\nexport const a = (${code})\n`, 3, "core/"] as const),
  [CORE, "export const f = async () => 1", 1, "async"],
  [CORE, "export const f = async () => {\n  await g()\n}\nconst g = () => 1", 2, "await"],
  [CORE, "async function* f(xs: Iterable<number>) {\n  for await (const x of xs) yield x\n}", 2, "for await"],
  [CORE, "export type A = Promise<number>", 1, "Promise"],
  [CORE, "export let at: Date", 1, "Date"],
  [CORE, "declare const clock: { now(): number }", 1, "declare"],
  [CORE, `/// <reference lib="dom" />`, 1, "refers to"],
  // A name that is declared elsewhere in the file is still the world's where that declaration doesn't reach.
  [CORE, "const f = (process: number) => process\nexport const a = () => process.pid", 2, "process"],
  // Unfinished
  [CORE, "// TO" + "DO: later\n", 1, "left over"],
  [CORE, "const a = 1 /* FIX" + "ME */\n", 1, "left over"],
  ["shell/Driver.ts", "/**\n * TO" + "DO\n */\n", 2, "left over"],
  ["tests/a.test.ts", `describe.only("a", () => {})`, 1, "left over"],
  ["tests/a.test.ts", `it.skip("a", () => {})`, 1, "left over"],
  ["tests/a.test.ts", `it.todo("a")`, 1, "left over"],
  ["tests/a.test.ts", `it.effect.only("a", () => x)`, 1, "left over"],
  ["tests/a.test.ts", `test.skip.each([1])("a", () => {})`, 1, "left over"],
  // Paths and length
  ["tests/a.test.ts", `const a = 1\nconst b = "${HOME}/a.txt"`, 2, "one machine"],
  ["cli/Main.ts", `// see ${HOME}`, 1, "one machine"],
  ["cli/Main.ts", `const a = "C:\\\\Users\\\\a"`, 1, "one machine"],
  [CORE, "\n".repeat(401), 401, "401 lines"],
]

/** What looks like a breach and is none. */
const INNOCENT: ReadonlyArray<readonly [file: string, text: string]> = [
  [
    CORE,
    `import * as A from "../wire/Message.ts"\nimport * as B from "./Peer.ts"\nimport "../base/Bytes.ts"`,
  ],
  ["core/index.ts", `export * as Client from "./client/Client.ts"\nexport * as World from "./sim/World.ts"`],
  [
    "core/client/Client.ts",
    `import * as A from "../torrent/Torrent.ts"\nimport * as B from "../dht/Node.ts"`,
  ],
  ["shell/Driver.ts", `import * as Core from "../core/index.ts"\nimport * as Effect from "effect/Effect"`],
  ["shell/node/Files.ts", `import { open } from "node:fs"\nimport * as A from "@effect/platform/FileSystem"`],
  ["cli/Main.ts", `import * as A from "../shell/Session.ts"\nimport * as B from "../core/index.ts"`],
  ["cli/Main.ts", `import data from "../package.json" with { type: "json" }`],
  ["cli/build.mjs", `import { build } from "esbuild"\nimport process from "node:process"`],
  ["cli/launch.mjs", `import { Script } from "node:vm"`],
  ["tests/bench/run.mjs", `import { Effect } from "effect"\nimport "node:fs"`],
  [CORE, `// Date.now(), process and await are for others\nexport const a = "Promise and console.log(1)"`],
  [CORE, "export const a = `fetch(${1}) setTimeout`"],
  [
    CORE,
    "export const f = (process: { readonly Date: number }) => process.Date\nexport const o = { fetch: 1 }",
  ],
  [CORE, "export const { crypto } = { crypto: 1 }\nexport const a = crypto\nexport const b = { crypto }"],
  [CORE, 'export interface A { readonly process: number; Date(): void }\nexport type B = A["process"]'],
  [
    CORE,
    "export const f = function* (): Generator<number> { for (const x of [1]) yield Math.max(x, Infinity) }",
  ],
  [
    CORE,
    "export const f = <A>(x: A) => { loop: for (;;) break loop; return [x] as const satisfies readonly [A] }",
  ],
  [CORE, "const a: readonly [from: number, to?: number] = [1]\nexport { a as b }"],
  [
    CORE,
    'import { type Bytes, toHex as hex } from "../base/Bytes.ts"\nexport const f = (b: Bytes) => hex(b)',
  ],
  [
    CORE,
    'export class A extends Error {\n  override readonly name = "A"\n  static make() { return new A(undefined) }\n}',
  ],
  [
    "tests/a.test.ts",
    `it("a", (context) => context.skip("no corpus"))\nit.skipIf(missing)("needs aria2", () => {})`,
  ],
  ["tests/a.test.ts", `expect("it.only(").toBe("TO` + `DO")\nconst b = iterable.skip(1)`],
  ["tests/a.test.ts", `const path = "/etc/passwd"\nconst url = "http://example.com/home/a"`],
  [CORE, "\n".repeat(400)],
]

describe("the checker", () => {
  it.each(BREACHES)("sees in %s: %j", (file, text, line, reason) => {
    expect(Tidy.check(file, text)).toContainEqual({ file, line, reason: expect.stringContaining(reason) })
  })

  it.each(INNOCENT)("has nothing against %s: %j", (file, text) => {
    expect(Tidy.check(file, text).map(Tidy.format)).toEqual([])
  })

  it("tells the file, the line and the reason", () => {
    expect(Tidy.check(CORE, "\nDate.now()").map(Tidy.format)).toEqual([
      `${CORE}:2: core/ uses the ambient Date: all input comes as an argument`,
    ])
  })
})
