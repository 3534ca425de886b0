/**
 * Local discovery (BEP 14) between shoal and other clients in a network of their own: no tracker, no DHT, no address given, and
 * a torrent of which the hash alone is known.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import * as Aria2 from "../support/Aria2.ts"
import * as Clients from "../support/Clients.ts"
import * as Libtorrent from "../support/Libtorrent.ts"
import * as Network from "../support/Network.ts"
import * as Shoal from "../support/Shoal.ts"
import * as Swarm from "../support/Swarm.ts"
import * as TempDir from "../support/TempDir.ts"
import * as Torrents from "../support/Torrents.ts"

const temp = TempDir.make("local")
let network: Network.Network | undefined
beforeAll(async () => {
  if (Network.missing() === undefined) network = await Network.make()
})
afterAll(async () => {
  await network?.stop()
  temp.remove()
})

const place = () => ({ enter: network!.enter, host: network!.host(), lsd: true })

const make = (name: string): Promise<Torrents.TestTorrent> =>
  Torrents.make({
    dir: temp.path,
    name: `${name}.bin`,
    files: [{ path: "", length: 500_000 }],
    pieceLength: 32_768,
  })

/** Shoal has the hash, and nobody to ask. */
const fetches = async (
  torrent: Torrents.TestTorrent,
  seeder: { readonly log: () => string },
  runtime: Shoal.Runtime,
): Promise<void> => {
  using out = TempDir.make("out")
  using home = TempDir.make("home")
  const { enter } = place()
  await using run = Shoal.start([
    ...["download", torrent.infoHash, "--json", "--out", out.path, "--port", "0"],
  ], { enter, home: home.path, runtime, env: Shoal.WITH_LSD })
  expect(await run.end(30_000), `${run.log()}\n${seeder.log()}`).toEqual({ code: 0, signal: null })
  expect(Torrents.differing(torrent, out.path), run.log()).toEqual([])
}

/** Shoal seeds, and another client has the link, and nobody to ask. */
const gives = async (
  torrent: Torrents.TestTorrent,
  start: (torrent: Torrents.TestTorrent, dir: string) => Promise<Swarm.Leecher>,
): Promise<void> => {
  using out = TempDir.make("out")
  await using seeder = await seed(torrent, "node")
  await using leecher = await start({ ...torrent, file: `magnet:?xt=urn:btih:${torrent.infoHash}` }, out.path)
  await Swarm.completes(leecher, torrent, out.path, seeder)
}

const seed = (torrent: Torrents.TestTorrent, runtime: Shoal.Runtime): Promise<Swarm.ShoalSeed> =>
  // On all of its addresses, for a device that has several sends announces from its first.
  Swarm.seed(torrent, { ...place(), host: "0.0.0.0", runtime, home: temp.sub("home"), env: Shoal.WITH_LSD })

describe("in one network find each other", () => {
  for (const [seeds, downloads] of [["node", "deno"], ["deno", "node"]] as const) {
    test(`shoal on ${seeds} and shoal on ${downloads}`, async (context) => {
      Clients.skipIf(context, Network.missing() ?? Shoal.missing("deno"))
      const torrent = await make(`shoal-${seeds}`)
      await using seeder = await seed(torrent, seeds)
      await fetches(torrent, seeder, downloads)
    })
  }

  test("a libtorrent that seeds, and shoal", async (context) => {
    Clients.skipIf(context, Network.missing() ?? Libtorrent.missing())
    const torrent = await make("libtorrent")
    await using seeder = await Libtorrent.seed(torrent, place())
    await fetches(torrent, seeder, "node")
  })

  test("shoal that seeds, and libtorrent", async (context) => {
    Clients.skipIf(context, Network.missing() ?? Libtorrent.missing())
    await gives(await make("to libtorrent"), (torrent, dir) => Libtorrent.leech(torrent, dir, [], place()))
  })

  test("shoal that seeds, and aria2", async (context) => {
    Clients.skipIf(context, Network.missing() ?? Aria2.missing())
    await gives(await make("to aria2"), (torrent, dir) => Aria2.leechUntracked(torrent, dir, place()))
  })
})
