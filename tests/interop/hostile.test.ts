/** Swarms with bad peers in them: every download ends well, and whoever lies is thrown out by name. */
import { Buffer } from "node:buffer"
import { createHash } from "node:crypto"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import * as FakePeer from "../support/FakePeer.ts"
import * as Shoal from "../support/Shoal.ts"
import * as TempDir from "../support/TempDir.ts"
import * as Torrents from "../support/Torrents.ts"

const temp = TempDir.make("hostile")
let torrent: Torrents.TestTorrent
beforeAll(async () => {
  torrent = await Torrents.small(temp.sub("small"), 2_000_000, 65_536)
})
afterAll(temp.remove)

interface Result {
  readonly run: Shoal.Run
  /** `host:port` of the peers that a `peer` event called banned. */
  readonly banned: ReadonlyArray<unknown>
  readonly complete: Shoal.Event
}

/** Downloads from these peers; it must end with 0 and a perfect copy. */
const completes = async (
  peers: ReadonlyArray<FakePeer.FakePeer>,
  options: { readonly runtime?: Shoal.Runtime; readonly timeoutMs?: number } = {},
): Promise<Result> => {
  using out = TempDir.make("out")
  using home = TempDir.make("home")
  await using run = Shoal.download(torrent.file, {
    out: out.path,
    home: home.path,
    peers: peers.map((peer) => peer.address),
    ...(options.runtime === undefined ? {} : { runtime: options.runtime }),
  })
  expect(await run.end(options.timeoutMs ?? 40_000), run.log()).toEqual({ code: 0, signal: null })
  expect(Torrents.differing(torrent, out.path), run.log()).toEqual([])
  const banned = run.events.filter((event) => event.event === "peer" && event["state"] === "banned")
  return { run, banned: banned.map((event) => event["address"]), complete: run.events.at(-1)! }
}

/** True for about `share` of all blocks, always the same ones. */
const some = (share: number) => (piece: number, begin: number): boolean =>
  createHash("sha1").update(Buffer.from(`${piece}:${begin}`)).digest()[0]! < share * 256

describe.each(["node", "deno"] as const)("on %s", (runtime) => {
  test("a peer whose every block is wrong is banned, and the download completes", async () => {
    await using polluter = await FakePeer.start(torrent, { corrupt: () => true })
    await using honest = await FakePeer.start(torrent, { rateBytesPerSec: 1_000_000 })
    const { run, banned, complete } = await completes([polluter, honest], { runtime })
    expect(banned, run.log()).toEqual([polluter.address])
    expect(complete["hashFailures"]).toBeGreaterThan(0)
    expect(polluter.stats.corruptBlocksSent).toBeGreaterThan(0)
    // it gets no second chance on a new connection
    expect(polluter.stats.handshakes).toBe(1)
  })
})

test("a peer that pollutes one block in ten among honest ones does no lasting harm, and they aren't blamed", async () => {
  await using polluter = await FakePeer.start(torrent, { corrupt: some(0.1) })
  await using one = await FakePeer.start(torrent, { rateBytesPerSec: 1_000_000 })
  await using two = await FakePeer.start(torrent, { rateBytesPerSec: 1_000_000 })
  const { run, banned, complete } = await completes([polluter, one, two])
  expect(polluter.stats.corruptBlocksSent).toBeGreaterThan(0)
  expect(complete["hashFailures"]).toBeGreaterThan(0)
  expect(banned, run.log()).not.toContain(one.address)
  expect(banned, run.log()).not.toContain(two.address)
})

/** Each with one honest peer: whatever it holds back must come from there. */
const behaviours: Readonly<Record<string, FakePeer.Behaviour>> = {
  "accepts and says nothing": { greeting: "silence" },
  "answers with another protocol": { greeting: "garbage" },
  "serves another torrent": { greeting: "wrong-info-hash" },
  "falls silent after the handshake": { opening: "silence" },
  "claims a message of 4 GiB": { opening: "huge-message" },
  "sends garbage messages": { opening: "garbage" },
  "never unchokes": { choke: true },
  "never answers a request": { requests: "ignore" },
  "has all and rejects every request": { requests: "reject" },
  "hangs up after three blocks": { closeAfterBlocks: 3 },
  "sends 2 KB a second": { rateBytesPerSec: 2_000 },
  "takes one request at a time": { reqq: 1, rateBytesPerSec: 100_000 },
}
describe("completes beside a peer that", () => {
  test.each(Object.entries(behaviours))("%s", async (_, behaviour) => {
    await using bad = await FakePeer.start(torrent, behaviour)
    await using honest = await FakePeer.start(torrent, { rateBytesPerSec: 2_000_000 })
    const { run, banned } = await completes([bad, honest])
    expect(banned, run.log()).not.toContain(honest.address)
    expect(honest.stats.breaches).toEqual([])
    expect(bad.stats.breaches).toEqual([])
    expect(bad.stats.connections).toBeGreaterThan(0)
  })
})

test("all of them at once", async () => {
  const bad: Array<FakePeer.FakePeer> = []
  try {
    for (const behaviour of [...Object.values(behaviours), { corrupt: () => true }]) {
      bad.push(await FakePeer.start(torrent, behaviour))
    }
    await using honest = await FakePeer.start(torrent, { rateBytesPerSec: 1_000_000 })
    // the honest one alone needs two seconds: nobody else may hold a piece back for long
    const { run, banned } = await completes([...bad, honest], { timeoutMs: 25_000 })
    expect(banned, run.log()).not.toContain(honest.address)
  } finally {
    await Promise.all(bad.map((peer) => peer.stop()))
  }
})

test("pieces that only one honest peer has come from it, whatever the others claim", async () => {
  await using even = await FakePeer.start(torrent, { pieces: (piece) => piece % 2 === 0 })
  await using odd = await FakePeer.start(torrent, { pieces: (piece) => piece % 2 === 1 })
  await using liar = await FakePeer.start(torrent, { requests: "reject" })
  await completes([even, odd, liar])
  expect([...even.stats.requests.keys()].filter((piece) => piece % 2 === 1)).toEqual([])
  expect([...odd.stats.requests.keys()].filter((piece) => piece % 2 === 0)).toEqual([])
})
