import { describe, expect, it } from "@effect/vitest"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as Effect from "effect/Effect"
import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { refusal } from "../../core/tracker/Access.ts"
import * as TrackerLists from "../../shell/TrackerLists.ts"
import * as TempDir from "../support/TempDir.ts"

const A = "aa".repeat(20)
const B = "bb".repeat(20)
const bytes = (hex: string) => new Uint8Array(20).fill(Number.parseInt(hex.slice(0, 2), 16))

const temp = Effect.acquireRelease(
  Effect.sync(() => TempDir.make("lists")),
  (dir) => Effect.sync(dir.remove),
)

/** Lists that are there from the start, in a folder of their own; `warnings` is what was told. */
const scene = (contents: Partial<Record<"allow" | "deny" | "keys", string>>) =>
  Effect.gen(function* () {
    const dir = yield* temp
    const path = (kind: string) => join(dir.path, kind)
    for (const [kind, text] of Object.entries(contents)) writeFileSync(path(kind), text)
    const warnings: Array<string> = []
    const lists = yield* TrackerLists.watch(
      {
        allow: contents.allow === undefined ? undefined : path("allow"),
        deny: contents.deny === undefined ? undefined : path("deny"),
        keys: contents.keys === undefined ? undefined : path("keys"),
      },
      (message) => Effect.sync(() => void warnings.push(message.replaceAll(dir.path, ""))),
    ).pipe(Effect.provide(NodeFileSystem.layer))
    const serves = (hex: string, key?: string) => refusal(lists.access(), bytes(hex), key) === undefined
    const until = (condition: () => boolean) =>
      Effect.repeat(Effect.delay(Effect.sync(condition), "20 millis"), { until: (is) => is })
    return { lists, path, serves, until, warnings }
  })

describe("lists", () => {
  it.scopedLive("allow, deny and give keys; without any, everything is served", () =>
    Effect.gen(function* () {
      expect((yield* scene({})).serves(A)).toBe(true)
      const allow = yield* scene({ allow: `# ours\n${A.toUpperCase()}  # the film\n\n` })
      expect([allow.serves(A), allow.serves(B)]).toEqual([true, false])
      const deny = yield* scene({ deny: `${A}\r\n` })
      expect([deny.serves(A), deny.serves(B)]).toEqual([false, true])
      const keys = yield* scene({ keys: "alice\n", deny: B })
      expect([keys.serves(A, "alice"), keys.serves(B, "alice"), keys.serves(A)]).toEqual([true, false, false])
      // an empty list of what is allowed allows nothing
      expect((yield* scene({ allow: "" })).serves(A)).toBe(false)
    }))

  it.scopedLive("with bad lines are used without them, and each one is told with its number", () =>
    Effect.gen(function* () {
      const { serves, warnings } = yield* scene({ deny: `${A}\nnonsense\n${A}0\n${B}` })
      expect([serves(A), serves(B)]).toEqual([false, false])
      expect(warnings).toEqual(
        [2, 3].map((line) =>
          `/deny: line ${line} is not an info-hash: 40 hexadecimal digits; it is left out`
        ),
      )
      const many = yield* scene({ keys: `good\n${"no key\n".repeat(500)}` })
      expect(many.serves(A, "good")).toBe(true)
      expect(many.warnings).toHaveLength(11)
      expect(many.warnings.at(-1)).toBe("/keys: 490 more lines are left out")
    }))

  it.scopedLive("are read again when the file is replaced or written to, as a whole", () =>
    Effect.gen(function* () {
      const { path, serves, until } = yield* scene({ deny: A })
      expect(serves(A)).toBe(false)
      writeFileSync(path("draft"), `${B}\n`)
      renameSync(path("draft"), path("deny"))
      yield* until(() => serves(A) && !serves(B))
      writeFileSync(path("deny"), "")
      yield* until(() => serves(B))
      writeFileSync(path("deny"), `${A}\n`)
      yield* until(() => !serves(A))
    }))

  it.scopedLive("hold while their file is away, and follow it when it comes back", () =>
    Effect.gen(function* () {
      const { lists, path, serves, until, warnings } = yield* scene({ deny: A })
      rmSync(path("deny"))
      yield* lists.reload
      expect(serves(A)).toBe(false)
      expect(warnings).toEqual([
        expect.stringMatching(/^\/deny can't be read, what was in it still holds: /),
      ])
      writeFileSync(path("deny"), B)
      yield* until(() => serves(A))
    }))

  it.scopedLive("are read at once when asked to", () =>
    Effect.gen(function* () {
      const { lists, path, serves } = yield* scene({ keys: "alice" })
      writeFileSync(path("keys"), "bobby")
      yield* lists.reload
      expect([serves(A, "alice"), serves(A, "bobby")]).toEqual([false, true])
      expect(readFileSync(path("keys"), "utf8")).toBe("bobby")
    }))

  it.scopedLive("that are missing at the start stop the tracker, with their name", () =>
    Effect.gen(function* () {
      const error = yield* TrackerLists.watch(
        { allow: "/no/such/list", deny: undefined, keys: undefined },
        () => Effect.void,
      ).pipe(Effect.provide(NodeFileSystem.layer), Effect.flip)
      expect(error).toMatchObject({ reason: "list" })
      expect(error.message).toMatch(/^the list \/no\/such\/list can't be read: /)
    }))
})
