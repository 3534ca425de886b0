/**
 * Magnet links without trackers: shoal, libtorrent, aria2, transmission and npm's bittorrent-dht form one DHT (BEP 5, 43, 44, 51)
 * in a network of their own, and find each other's torrents and items there. All at once, since some need half a minute to enter.
 */
import { afterAll, beforeAll, describe, expect, test, type TestContext } from "vitest"
import * as Aria2 from "../support/Aria2.ts"
import * as Clients from "../support/Clients.ts"
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
  // Transmission announces nothing before it knows nine nodes.
  npm = await NpmDht.start({ enter: network.enter, host: network.host(), others: 8 })
  libtorrent = await Libtorrent.node({ enter: network.enter, host: network.host(), dht: [npm.address] })
  nodes = [libtorrent.address, npm.address, ...npm.others]
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
  Process.until("the DHT knows the seed", async () => (await npm.lookup(torrent.infoHash)).includes(address) && true, 60_000)
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

describe.concurrent("a torrent of which the hash alone is known", () => {
  test("from libtorrent, on Node and on Deno", async (context) => {
    skip(context, Shoal.missing("deno"))
    await fetches("libtorrent", (torrent) => Libtorrent.seed(torrent, { ...place(), dht: nodes }), ["node", "deno"])
  })

  test("from aria2", async (context) => {
    skip(context, Aria2.missing())
    await fetches("aria2", (torrent) => Aria2.seedUntracked(torrent, { ...place(), dht: npm.address }), ["node"])
  })

  test("from transmission", async (context) => {
    skip(context, Transmission.missing())
    await fetches("transmission", (torrent) => Transmission.seed(torrent, { ...place(), dht: nodes }), ["node"])
  })

  test("to libtorrent, from Node", async (context) => {
    skip(context)
    await gives(nodeTorrent, nodeSeed, (torrent, dir) => Libtorrent.leech(torrent, dir, [], { ...place(), dht: nodes }))
  })

  test("to libtorrent, from Deno", async (context) => {
    skip(context, Shoal.missing("deno"))
    await gives(denoTorrent, denoSeed, (torrent, dir) => Libtorrent.leech(torrent, dir, [], { ...place(), dht: nodes }))
  })

  test("to aria2", async (context) => {
    skip(context, Aria2.missing())
    await gives(nodeTorrent, nodeSeed, (torrent, dir) =>
      Aria2.leechUntracked(torrent, dir, { ...place(), dht: npm.address }))
  })

  test("to transmission", async (context) => {
    skip(context, Transmission.missing())
    await gives(nodeTorrent, nodeSeed, (torrent, dir) => Transmission.leech(torrent, dir, { ...place(), dht: nodes }))
  })
})
