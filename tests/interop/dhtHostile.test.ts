/** Nodes of the DHT that go wrong in every way that a datagram can: shoal goes on seeding, is still a node for others, and stays small. */
import { Buffer } from "node:buffer"
import { randomBytes } from "node:crypto"
import { readFileSync } from "node:fs"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import * as Bencode from "../support/Bencode.ts"
import * as FakeNode from "../support/FakeNode.ts"
import * as Process from "../support/Process.ts"
import * as Shoal from "../support/Shoal.ts"
import * as Swarm from "../support/Swarm.ts"
import * as TempDir from "../support/TempDir.ts"
import * as Torrents from "../support/Torrents.ts"

const temp = TempDir.make("dhtHostile")
let torrent: Torrents.TestTorrent
beforeAll(async () => {
  torrent = await Torrents.small(temp.path, 400_000)
})
afterAll(temp.remove)

const FLOOD = 20_000
const MIB = 1024 * 1024

/** What goes back for a question: nothing of it is a good answer. */
const answers = (query: FakeNode.Query, id: Buffer): ReadonlyArray<Uint8Array> => {
  const good = FakeNode.reply(query, { id, nodes: Buffer.alloc(0), token: "token" })
  return [
    // as long as UDP carries, of nodes that are nowhere
    FakeNode.reply(query, { id, nodes: randomBytes(26 * 2_400) }),
    FakeNode.reply(query, { id, nodes: randomBytes(25), token: randomBytes(40_000) }),
    FakeNode.reply(query, {
      id: randomBytes(7),
      values: Array.from({ length: 5_000 }, () => randomBytes(6)),
    }),
    Buffer.concat([Buffer.from("d1:rd2:id"), Buffer.alloc(30_000, "l")]),
    Buffer.from("d1:t99999999999999999999:"),
    Buffer.from("i-0e"),
    good.subarray(0, good.length - 3),
    FakeNode.reply({ ...query, transaction: randomBytes(2) }, { id }),
    Bencode.encode({ t: query.transaction, y: "e", e: ["not a number", 203] }),
    randomBytes(1_400),
    Buffer.alloc(0),
  ]
}

/** What memory a process takes, in bytes (Linux). */
const residentBytes = (pid: number): number =>
  Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) * 1024

const query = (method: string, fields: { readonly [key: string]: Bencode.Input }): Buffer =>
  Bencode.encode({ t: randomBytes(4), y: "q", q: method, a: { id: randomBytes(20), ...fields } })

/** Announces with tokens that were never given, and questions, as fast as they leave. */
const flood = async (
  node: FakeNode.FakeNode,
  to: FakeNode.Query["from"],
  infoHash: Buffer,
): Promise<void> => {
  for (let i = 0; i < FLOOD; i++) {
    node.send(
      i % 2 === 0
        ? query("announce_peer", { info_hash: infoHash, port: 1 + i, token: randomBytes(8) })
        : query("get_peers", { info_hash: randomBytes(20) }),
      to,
    )
    if (i % 200 === 0) await new Promise((resolve) => setImmediate(resolve))
  }
}

describe.each(["node", "deno"] as const)("on %s", (runtime) => {
  test("nodes that lie, flood and send rubbish change nothing", async () => {
    using home = TempDir.make("home")
    // One address has one share of what is answered, so that whoever floods has one of its own (all of 127.0.0.0/8 is this machine).
    await using stranger = await FakeNode.start({ host: "127.0.0.2" })
    await using liar = await FakeNode.start({
      onQuery: (asked, node, id) => {
        for (const bytes of answers(asked, id)) node.send(bytes, asked.from)
        // the right answer, from somebody who was not asked
        stranger.send(FakeNode.reply(asked, { id, nodes: randomBytes(26) }), asked.from)
      },
    })
    await using honest = await FakeNode.start({ answers: true })
    await using run = await Swarm.seed(torrent, {
      runtime,
      home: home.path,
      env: Shoal.WITH_DHT,
      args: [liar, honest].flatMap(({ address }) => ["--dht-bootstrap", address]),
    })
    const announcedTo = (node: FakeNode.FakeNode): boolean =>
      node.stats.torrents.some(({ method }) => method === "announce_peer")
    await Process.until("it is announced where it can be", () => announcedTo(honest))
    expect(announcedTo(liar)).toBe(false)
    const { from } = honest.stats.torrents[0]!

    const infoHash = randomBytes(20)
    await flood(stranger, from, infoHash)
    // Whoever asks in moderation is answered all the same; asked again, since after a flood some datagrams are lost.
    const answered = honest.stats.others
    let polls = 0
    await Process.until("it answers somebody else", () => {
      if (polls++ % 10 === 0) honest.send(query("get_peers", { info_hash: infoHash }), from)
      return honest.stats.others > answered
    })
    expect(honest.last().has("values"), "peers that came with a wrong token").toBe(false)
    expect(stranger.stats.others, "most of a flood is left unanswered").toBeLessThan(FLOOD / 2)
    // What the first one cost is the runtime's: buffers, and code that has become hot. Nothing is kept of any.
    const before = residentBytes(run.child.pid)
    await flood(stranger, from, randomBytes(20))
    expect(residentBytes(run.child.pid) - before).toBeLessThan(128 * MIB)

    using out = TempDir.make("out")
    await using leecher = Shoal.download(torrent.file, {
      out: out.path,
      peers: [run.address],
      args: ["--port", "0"],
    })
    expect((await leecher.end()).code, `${leecher.log()}\n${run.log()}`).toBe(0)
    expect((await Swarm.interrupt(run)).code, run.log()).toBe(130)
    expect(run.child.stderr()).not.toMatch(/Error|assert|at .*:\d+:\d+/)
  })
})
