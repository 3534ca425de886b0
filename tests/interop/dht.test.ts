/**
 * Magnet links without trackers: shoal, libtorrent, aria2, transmission and npm's bittorrent-dht form one DHT (BEP 5, 43, 44, 51)
 * in a network of their own, and find each other's torrents and items there. All at once, since some need half a minute to enter.
 */
import { readFileSync } from "node:fs"
import { afterAll, beforeAll, describe, expect, test, type TestContext } from "vitest"
import * as Aria2 from "../support/Aria2.ts"
import * as Clients from "../support/Clients.ts"
import * as FakeNode from "../support/FakeNode.ts"
import * as Libtorrent from "../support/Libtorrent.ts"
import * as Network from "../support/Network.ts"
import * as NpmDht from "../support/NpmDht.ts"
import * as Process from "../support/Process.ts"
import * as Shoal from "../support/Shoal.ts"
import * as Swarm from "../support/Swarm.ts"
import * as TempDir from "../support/TempDir.ts"
import * as Torrents from "../support/Torrents.ts"
import * as Transmission from "../support/Transmission.ts"

const temp = TempDir.make("dht")
const reason = Network.missing() ?? NpmDht.missing() ?? Libtorrent.missing()

let network: Network.Network
let npm: NpmDht.NpmDht
let libtorrent: Clients.Seeder
/** Nodes by which others enter. */
let nodes: ReadonlyArray<string>
/** What shoal seeds, for as long as there are tests. */
let nodeSeed: Swarm.ShoalSeed
let denoSeed: Swarm.ShoalSeed
let nodeTorrent: Torrents.TestTorrent
let denoTorrent: Torrents.TestTorrent

beforeAll(async () => {
  if (reason !== undefined) return
  network = await Network.make()
  // Transmission announces nothing before it knows nine nodes; and npm's goes on naming those that have left.
  npm = await NpmDht.start({ enter: network.enter, host: network.host(), others: 24 })
  libtorrent = await Libtorrent.node({ enter: network.enter, host: network.host(), dht: [npm.address] })
  nodes = [libtorrent.address, npm.address, ...npm.others.slice(0, 8)]
  nodeTorrent = await Torrents.small(temp.sub("node"), 700_000)
  denoTorrent = await Torrents.small(temp.sub("deno"), 700_001)
  nodeSeed = await seed(nodeTorrent, "node")
  denoSeed = await seed(denoTorrent, "deno")
})
afterAll(async () => {
  await Promise.all([nodeSeed, denoSeed, libtorrent, npm, network].map((one) => one?.stop()))
  temp.remove()
})

const skip = (context: TestContext, other?: string): void => Clients.skipIf(context, reason ?? other)

/** For options of shoal: two nodes by which it enters. */
const bootstrap = (): ReadonlyArray<string> =>
  [npm.address, libtorrent.address].flatMap((node) => ["--dht-bootstrap", node])

const place = (): { readonly enter: ReadonlyArray<string>; readonly host: string } => ({
  enter: network.enter,
  host: network.host(),
})

const seed = (torrent: Torrents.TestTorrent, runtime: Shoal.Runtime): Promise<Swarm.ShoalSeed> =>
  Swarm.seed(torrent, {
    ...place(),
    runtime,
    home: temp.sub(`${runtime}-home`),
    env: Shoal.WITH_DHT,
    args: bootstrap(),
  })

/** Waits until a node of npm's finds who has announced that it has the torrent. */
const announced = (torrent: Torrents.TestTorrent, address: string, log: () => string): Promise<true> =>
  Process.until(
    "the DHT knows the seed",
    async () => (await npm.lookup(torrent.infoHash)).includes(address) && true,
    75_000,
  )
    .catch((error: Error) => {
      throw new Error(`${error.message}\n${log()}`)
    })

/** The torrent as a link that has nothing but the info-hash. */
const linked = (torrent: Torrents.TestTorrent): Torrents.TestTorrent => ({
  ...torrent,
  file: `magnet:?xt=urn:btih:${torrent.infoHash}`,
})

/** Another client seeds, and shoal has nothing but the hash and a way into the DHT. */
const fetches = async (
  name: string,
  start: (torrent: Torrents.TestTorrent) => Promise<Clients.Seeder>,
  runtimes: ReadonlyArray<Shoal.Runtime>,
): Promise<void> => {
  const torrent = await Torrents.small(temp.sub(name), 500_000 + name.length)
  await using seeder = await start(torrent)
  await announced(torrent, seeder.address, seeder.log)
  await Promise.all(runtimes.map(async (runtime) => {
    using out = TempDir.make("out")
    using home = TempDir.make("home")
    const { enter, host } = place()
    await using run = Shoal.start([
      ...["download", torrent.infoHash, "--json", "--out", out.path, "--bind", host, "--port", "0"],
      ...bootstrap(),
    ], { enter, home: home.path, runtime, env: Shoal.WITH_DHT })
    expect(await run.end(60_000), `${run.log()}\n${seeder.log()}`).toEqual({ code: 0, signal: null })
    expect(Torrents.differing(torrent, out.path), run.log()).toEqual([])
  }))
}

/** Shoal seeds, and another client has nothing but the link. */
const gives = async (
  torrent: Torrents.TestTorrent,
  run: Swarm.ShoalSeed,
  start: (torrent: Torrents.TestTorrent, dir: string) => Promise<Swarm.Leecher>,
): Promise<void> => {
  using out = TempDir.make("out")
  await using leecher = await start(linked(torrent), out.path)
  await Swarm.completes(leecher, torrent, out.path, run, 80_000)
}

// These need half a minute to enter, and transmission asks for half a minute more where nodes have left meanwhile.
describe.concurrent("a torrent of which the hash alone is known", () => {
  test("from aria2", async (context) => {
    skip(context, Aria2.missing())
    await fetches("aria2", (torrent) => Aria2.seedUntracked(torrent, { ...place(), dht: npm.address }), [
      "node",
    ])
  })

  test("from transmission", async (context) => {
    skip(context, Transmission.missing())
    await fetches("transmission", (torrent) => Transmission.seed(torrent, { ...place(), dht: nodes }), [
      "node",
    ])
  })

  test("to aria2", async (context) => {
    skip(context, Aria2.missing())
    await gives(
      nodeTorrent,
      nodeSeed,
      (torrent, dir) => Aria2.leechUntracked(torrent, dir, { ...place(), dht: npm.address }),
    )
  })

  test("to transmission", async (context) => {
    skip(context, Transmission.missing())
    await gives(
      nodeTorrent,
      nodeSeed,
      (torrent, dir) => Transmission.leech(torrent, dir, { ...place(), dht: nodes }),
    )
  })
})

describe("a torrent that is fetched by two at a time", () => {
  test("from libtorrent, on Node and on Deno", async (context) => {
    skip(context, Shoal.missing("deno"))
    await fetches("libtorrent", (torrent) => Libtorrent.seed(torrent, { ...place(), dht: nodes }), [
      "node",
      "deno",
    ])
  })
})

describe.concurrent("a torrent that shoal seeds", () => {
  test("to libtorrent, from Node", async (context) => {
    skip(context)
    await gives(
      nodeTorrent,
      nodeSeed,
      (torrent, dir) => Libtorrent.leech(torrent, dir, [], { ...place(), dht: nodes }),
    )
  })

  test("to libtorrent, from Deno", async (context) => {
    skip(context, Shoal.missing("deno"))
    await gives(
      denoTorrent,
      denoSeed,
      (torrent, dir) => Libtorrent.leech(torrent, dir, [], { ...place(), dht: nodes }),
    )
  })
})

/** A visit to the DHT as a user would make it; text unless `--json` is among the words. */
const visit = async (
  words: ReadonlyArray<string>,
  runtime: Shoal.Runtime = "node",
): Promise<
  { readonly code: number | null; readonly out: string; readonly err: string; readonly last: Shoal.Event }
> => {
  using home = TempDir.make("home")
  const { enter, host } = place()
  await using run = Shoal.start(["dht", ...words, "--bind", host], { enter, home: home.path, runtime })
  const { code } = await run.end(60_000)
  return { code, out: run.child.stdout(), err: run.child.stderr(), last: run.events.at(-1)! }
}

const HASH = "0123456789abcdef0123456789abcdef01234567"

describe.concurrent.each(["node", "deno"] as const)(
  "shoal dht on %s, and bittorrent-dht of npm",
  (runtime) => {
    const hash = runtime === "node" ? HASH : HASH.replaceAll("0", "f")
    const ask = (...words: ReadonlyArray<string>) => visit([...words, ...bootstrap()], runtime)

    test("each finds what the other announced", async (context) => {
      skip(context, Shoal.missing(runtime))
      const none = await ask("lookup", hash)
      expect(none).toMatchObject({ code: 0, out: "", err: expect.stringContaining(`0 peers of ${hash}`) })

      const said = await ask("announce", hash, "--port", "7001")
      expect(said, said.err).toMatchObject({ code: 0, out: expect.stringContaining("port 7001") })
      const found = await npm.lookup(hash)
      expect(found.map((peer) => peer.split(":")[1])).toEqual(["7001"])

      await npm.announce(hash, 7002)
      const both = await ask("lookup", hash)
      expect(both.out.trim().split("\n").map((peer) => peer.split(":")[1]).sort()).toEqual(["7001", "7002"])
      const { last, out } = await ask("lookup", hash, "--json")
      expect(out.trim().split("\n")).toHaveLength(1)
      expect(last).toMatchObject({
        event: "complete",
        infoHash: hash,
        peers: expect.arrayContaining([found[0]!]),
      })
    })

    test("each gets what the other put", async (context) => {
      skip(context, Shoal.missing(runtime))
      const text = `put by shoal on ${runtime}`
      const put = await ask("put", text)
      expect(put, put.err).toMatchObject({ code: 0, out: expect.stringMatching(/^[0-9a-f]{40}\n$/) })
      expect(await npm.get(put.out.trim())).toEqual({ value: text, seq: null })

      const other = await npm.put(`put by npm for ${runtime}`)
      expect(other.nodes).toBeGreaterThan(0)
      expect(await ask("get", other.hash)).toMatchObject({ code: 0, out: `put by npm for ${runtime}\n` })
      const { last } = await ask("get", other.hash, "--json")
      expect(last).toMatchObject({
        event: "complete",
        target: other.hash,
        value: `put by npm for ${runtime}`,
      })
    })
  },
)

describe.concurrent("shoal dht", () => {
  const ask = (...words: ReadonlyArray<string>) => visit([...words, ...bootstrap()])

  test("shoal and npm get the newest that an author of the other has put, by its salt", async (context) => {
    skip(context)
    using keys = TempDir.make("keys")
    const key = `${keys.path}/key`
    const first = await ask("put", "one", "--key", key, "--salt", "list", "--json")
    expect(first.last, first.err).toMatchObject({ event: "complete", seq: 1 })
    const second = await ask("put", "two", "--key", key, "--salt", "list", "--json")
    expect(second.last, second.err).toMatchObject({ event: "complete", seq: 2, target: first.last["target"] })
    expect(await npm.get(String(second.last["target"]), "list")).toEqual({ value: "two", seq: 2 })

    const publicKey = String(second.last["publicKey"])
    const seedHex = readFileSync(key, "utf8").trim()
    const third = await npm.put("three", { seed: seedHex, seq: 3, salt: "list" })
    expect(third.hash).toBe(second.last["target"])
    expect(await ask("get", "--public-key", publicKey, "--salt", "list")).toMatchObject({
      code: 0,
      out: "three\n",
    })
  })

  test("sample prints what nodes keep peers for", async (context) => {
    skip(context)
    // Two nodes that know nobody else: among many, those nearest to a torrent may all be without BEP 51.
    using homes = TempDir.make("two")
    const torrent = await Torrents.small(homes.sub("torrent"), 100_000)
    const start = (name: string, node: string): Promise<Swarm.ShoalSeed> =>
      Swarm.seed(torrent, {
        ...place(),
        home: homes.sub(name),
        env: Shoal.WITH_DHT,
        args: ["--dht-bootstrap", node],
      })
    await using first = await start("first", network.host() + ":9")
    await using second = await start("second", first.address)
    await Process.until("a sample has the torrent", async () => {
      const { code, err, out } = await visit(["sample", torrent.infoHash, "--dht-bootstrap", first.address])
      expect(code, `${err}\n${first.log()}\n${second.log()}`).toBe(0)
      return out.trim() === torrent.infoHash
    }, 60_000)
  })
})

describe.concurrent("shoal dht that goes wrong", () => {
  test.each([
    ["a verb that is none", ["find", HASH]],
    ["no verb", []],
    ["a hash that is none", ["get", "abc"]],
    ["no argument", ["lookup"]],
    ["two arguments", ["lookup", HASH, HASH]],
    ["a node that is none", ["lookup", HASH, "--dht-bootstrap", "nowhere"]],
    ["more than an item holds", ["put", "x".repeat(1_001)]],
  ])("%s ends with 2", async (_, words) => {
    await using run = Shoal.start(["dht", ...words])
    expect(await run.end(), run.log()).toEqual({ code: 2, signal: null })
    expect(run.child.stdout()).toBe("")
    expect(run.child.stderr()).toMatch(/^shoal: .+/)
  })

  test("an item that nobody has ends with 1, and says so", async (context) => {
    skip(context)
    const { code, err } = await visit(["get", HASH, ...bootstrap()])
    expect(code).toBe(1)
    expect(err).toContain("nodes that answered has an item")
  })

  test("without a node that answers it ends with 1, soon if it is told so, and on Ctrl-C with 130", async () => {
    await using silent = await FakeNode.start({})
    const words = ["dht", "lookup", HASH, "--bind", "127.0.0.1", "--dht-bootstrap", silent.address]
    await using patient = Shoal.start([...words, "--json"])
    await using hurried = Shoal.start([...words, "--timeout", "1s", "--json"])
    await using interrupted = Shoal.start(words)
    await Process.until("they ask", () => silent.stats.queries >= 3)
    expect((await Swarm.interrupt(interrupted)).code, interrupted.log()).toBe(130)
    expect((await hurried.end()).code, hurried.log()).toBe(1)
    expect(hurried.events.at(-1)).toMatchObject({ event: "error", reason: "timeout" })
    expect((await patient.end(40_000)).code, patient.log()).toBe(1)
    expect(patient.events.at(-1)).toMatchObject({ event: "error", reason: "no-nodes" })
  })
})
