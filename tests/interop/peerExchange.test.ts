/** A peer of which is known only what a third one tells (BEP 11). */
import { join } from "node:path"
import { afterAll, beforeAll, describe, test } from "vitest"
import * as Clients from "../support/Clients.ts"
import * as Libtorrent from "../support/Libtorrent.ts"
import * as Shoal from "../support/Shoal.ts"
import * as Swarm from "../support/Swarm.ts"
import * as TempDir from "../support/TempDir.ts"
import * as Torrents from "../support/Torrents.ts"

const MIB = 1024 * 1024

const temp = TempDir.make("peerExchange")
let torrent: Torrents.TestTorrent
beforeAll(async () => {
  torrent = await Torrents.small(temp.path, 6 * MIB)
})
afterAll(temp.remove)

const isShoal = (client: unknown): boolean => String(client).startsWith("shoal")

describe.each(["node", "deno"] as const)("on %s", (runtime) => {
  test("shoal finds a seed of which it hears from libtorrent alone", async (context) => {
    Clients.skipIf(context, Libtorrent.missing() ?? Shoal.missing(runtime))
    using outs = TempDir.make("out")
    using homes = TempDir.make("home")
    const args = ["-u", "60K"]
    await using seeder = await Swarm.seed(torrent, { runtime, home: join(homes.path, "a"), args })
    await using relay = await Libtorrent.leech(torrent, join(outs.path, "relay"), [seeder.address])
    await using leecher = Shoal.start([
      ...["download", torrent.file, "--out", join(outs.path, "shoal"), "--json", "--peer", relay.address],
      ...["--bind", "127.0.0.1", "--port", "0"],
    ], { runtime, home: join(homes.path, "b") })
    // Either of the two may have heard of the other first, and dialled it.
    await leecher.event("peer", ({ client, state }) => state === "connected" && isShoal(client), 90_000)
  })

  test("two of libtorrent hear of each other from shoal alone", async (context) => {
    Clients.skipIf(context, Libtorrent.missing() ?? Shoal.missing(runtime))
    using outs = TempDir.make("out")
    using home = TempDir.make("home")
    await using seeder = await Swarm.seed(torrent, { runtime, home: home.path, args: ["-u", "60K"] })
    const leech = (name: string) => Libtorrent.leech(torrent, join(outs.path, name), [seeder.address])
    await using one = await leech("one")
    await using other = await leech("other")
    // Each may be the one that dials; an address that is dialled is told by the one that dialled it alone.
    await Promise.any([one.connected(other.address, 80_000), other.connected(one.address, 80_000)])
  })
})
