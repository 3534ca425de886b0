/**
 * The fuzzer finds what it is for: a defect is planted in a copy of the code, and must come up within so many executions of
 * one seed, while the code as it is passes them. And guidance is worth its price: it gets where blind changes do not.
 */
import { describe, expect, it } from "vitest"
import * as Build from "./Build.ts"
import type * as Engine from "./Engine.ts"
import type { Target } from "./Target.ts"
import * as Targets from "./Targets.ts"
import * as Traps from "./canaries/Traps.ts"
import * as Watch from "./Watch.ts"

interface Canary {
  readonly target: string
  readonly defect: string
  readonly file: string
  /** A text of the file, and what stands there instead. */
  readonly from: string
  readonly to: string
  readonly within: number
  /** Of what it reports. */
  readonly report: RegExp
}

const CANARIES: ReadonlyArray<Canary> = [
  {
    target: "bencode",
    defect: "a text may claim a byte more than there is",
    file: "core/bencode/Scan.ts",
    from: "if (from + length > source.length) return",
    to: "if (from + length > source.length + 1) return",
    within: 20_000,
    report: /./,
  },
  {
    target: "path",
    defect: "the parent directory is a name like any other",
    file: "core/metainfo/FilePath.ts",
    from: `name === "." || name === ".."`,
    to: `name === "."`,
    within: 50_000,
    report: /is safe|stays as it is/,
  },
  {
    target: "wire",
    defect: "a body is allocated as long as it claims to be",
    file: "core/wire/Decoder.ts",
    from: "new Uint8Array(Math.min(length, Math.max(end, decoder.body.length * 2, FIRST_BODY_BYTES)))",
    to: "new Uint8Array(length)",
    within: 50_000,
    report: /a body grows with what came/,
  },
  {
    target: "wire",
    defect: "what came before the cut is overwritten",
    file: "core/wire/Decoder.ts",
    from: "to = held; i < end",
    to: "to = 0; i < end",
    within: 1_000,
    report: /any cut/,
  },
  {
    target: "extended",
    defect: "the number of a message is no byte",
    file: "core/wire/Extended.ts",
    from: "const id = Value.integer(value, 0, 255)",
    to: "const id = Value.integer(value, 0)",
    within: 50_000,
    report: /an id is a byte/,
  },
  {
    target: "tracker-udp",
    defect: "nobody has to connect before it announces",
    file: "core/tracker/ServerUdp.ts",
    from: "if (!ConnectionId.isValid(options.key, now, from, request.connectionId)) return undefined",
    to: "",
    within: 10_000,
    report: /nothing is looked up|no amplification/,
  },
  {
    target: "tracker-snapshot",
    defect: "a file brings more peers than there is room for",
    file: "core/tracker/ServerSnapshot.ts",
    from: "port === 0 || !Server.hasRoom(server, family, swarm)",
    to: "port === 0",
    within: 100_000,
    report: /./,
  },
  {
    target: "resume",
    defect: "pieces are believed that nobody claimed",
    file: "core/torrent/Resume.ts",
    from: "else if (Bitfield.get(resume.have, piece)) Bitfield.set(believed, piece)",
    to: "else Bitfield.set(believed, piece)",
    within: 100_000,
    report: /nothing is believed/,
  },
  {
    target: "dht-node",
    defect: "questions are never given up",
    file: "core/dht/Node.ts",
    from: "Replies.expire(machine, out)",
    to: "",
    within: 200,
    report: /time goes on|every request comes to its end/,
  },
  {
    target: "client",
    defect: "a piece counts whatever its hash",
    file: "core/torrent/Blocks.ts",
    from: "if (Bytes.equals(digest, pieceHash(torrent.metainfo, piece))) good",
    to: "if (digest.length === pieceHash(torrent.metainfo, piece).length) good",
    within: 3_000,
    report: /a verified piece is right/,
  },
  {
    target: "client",
    defect: "a piece is hashed before all of it is written",
    file: "core/torrent/Blocks.ts",
    from: "writes.isHashing || writes.writtenBytes !== writes.issuedBytes",
    to: "writes.isHashing",
    within: 2_000,
    report: /a piece is hashed when nothing changes it/,
  },
]

/** Runs a bundle until something comes up, or so many executions. */
const hunt = async (
  built: Build.Built,
  name: string,
  executions: number,
  isGuided: boolean,
): Promise<Engine.Finding | undefined> => {
  const bundle = await import(/* @vite-ignore */ built.url) as Targets.Bundle
  const target = bundle.targets.find((one) => one.name === name)!
  let found: Engine.Finding | undefined
  const engine = bundle.make({
    target,
    seed: 1,
    words: isGuided ? built.words : [],
    corpus: target.seeds().slice(0, 12),
    counters: isGuided ? bundle.counters : undefined,
  }, (finding) => {
    found ??= finding
  })
  while (found === undefined && engine.executions < executions) found = bundle.fuzz(engine)
  return found
}

const withBundle = async <A>(options: Build.Options, use: (built: Build.Built) => Promise<A>): Promise<A> => {
  const built = await Build.build(options)
  try {
    return await use(built)
  } finally {
    await Build.remove(built)
  }
}

describe("planted defects come up", () => {
  for (const { defect, file, from, report, target: name, to, within } of CANARIES) {
    it(`${name}: ${defect}`, { timeout: 120_000 }, async () => {
      const target = Targets.all.find((one) => one.name === name)!
      const patch = (path: string, text: string): string | undefined => {
        if (path !== file) return undefined
        expect(text).toContain(from)
        return text.replace(from, to)
      }
      const options = { entry: Targets.entryOf(target), covers: target.covers }
      await withBundle({ ...options, patch }, async (built) => {
        expect((await hunt(built, name, within, true))?.report).toMatch(report)
      })
    })
  }
})

describe("who watches", () => {
  it.skipIf("Deno" in globalThis)("ends what hangs or eats memory, and goes on (on Node alone)", {
    timeout: 120_000,
  }, async () => {
    const options = { entry: Targets.entry("./canaries/Traps.ts"), covers: ["tests/fuzz/canaries/Traps.ts"] }
    await withBundle(options, async (built) => {
      const [hang, memory] = Traps.targets as [Target, Target]
      for (const [target, report, hangMs] of [[hang, /no end/, 3_000], [memory, /memory/, 60_000]] as const) {
        const found: Array<Engine.Finding> = []
        const summary = await Watch.watch({
          target,
          built,
          seed: 1,
          minutes: 2,
          corpus: target.seeds(),
          hangMs,
          heapMb: 64,
          maxFindings: 1,
          onFinding: (finding) => found.push(finding),
          onKept: () => {},
        })
        expect(summary.findings).toBe(1)
        expect(found[0]!.report).toMatch(report)
        expect([...found[0]!.input].includes(0x21)).toBe(true)
      }
    })
  })
})

describe("guidance", () => {
  const options = { entry: Targets.entry("./canaries/Maze.ts"), covers: ["tests/fuzz/canaries/Maze.ts"] }

  it("gets where blind changes do not", { timeout: 120_000 }, async () => {
    await withBundle(options, async (built) => {
      expect((await hunt(built, "maze", 200_000, true))?.report).toContain("the end of the maze")
      expect(await hunt(built, "maze", 200_000, false)).toBeUndefined()
    })
  })

  it("knows every block by its line, and finds its words", async () => {
    await withBundle(options, (built) => {
      expect(built.blocks.length).toBeGreaterThan(5)
      expect(built.blocks.every((block) => /^tests\/fuzz\/canaries\/Maze\.ts:\d+$/.test(block))).toBe(true)
      expect(built.words).toContain("the end of the maze")
      return Promise.resolve()
    })
  })
})
