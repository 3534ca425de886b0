/** A swarm of three clients in which nobody but a slow seeder has anything at first: they must trade. */
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import * as Aria2 from "../support/Aria2.ts"
import * as Clients from "../support/Clients.ts"
import * as Libtorrent from "../support/Libtorrent.ts"
import * as Shoal from "../support/Shoal.ts"
import * as Swarm from "../support/Swarm.ts"
import * as TempDir from "../support/TempDir.ts"
import * as Torrents from "../support/Torrents.ts"

const MIB = 1024 * 1024

const temp = TempDir.make("mixed")
let plain: Torrents.TestTorrent
beforeAll(async () => {
  plain = await Torrents.small(temp.path, 32 * MIB - 5_000, MIB / 8)
})
afterAll(temp.remove)

describe.each(["node", "deno"] as const)("on %s", (runtime) => {
  test("two shoals, libtorrent and aria2 find each other by the tracker, and each gives something", async (context) => {
    Clients.skipIf(context, Aria2.missing() ?? Libtorrent.missing() ?? Shoal.missing(runtime))
    using place = TempDir.make("swarm")
    await using tracker = await Swarm.tracker({ runtime })
    const torrent = Torrents.withTrackers(plain, join(place.path, "tracked.torrent"), [tracker.http])
    await using seeder = await Swarm.seed(torrent, {
      runtime,
      home: place.sub("home"),
      args: ["--max-upload-rate", "5M"],
    })
    await seeder.event("tracker", ({ ok }) => ok === true)
    const shoal = (name: string): Shoal.Run =>
      Shoal.download(torrent.file, {
        runtime,
        out: place.sub(name),
        home: place.sub(`${name}-home`),
        // until it is told to leave: the others may need it
        args: ["--bind", "127.0.0.1", "--port", "0", "--seed-time", "1h"],
      })
    await using one = shoal("one")
    await using two = shoal("two")
    await using libtorrent = await Libtorrent.leech(torrent, place.sub("libtorrent"))
    await using aria2 = await Aria2.leech(torrent, place.sub("aria2"))
    await Promise.all([
      one.event("seeding", undefined, 60_000),
      two.event("seeding", undefined, 60_000),
      Swarm.completes(libtorrent, torrent, place.sub("libtorrent"), seeder),
      Swarm.completes(aria2, torrent, place.sub("aria2"), seeder),
    ])
    for (const [run, name] of [[one, "one"], [two, "two"]] as const) {
      expect(Torrents.differing(torrent, place.sub(name)), run.log()).toEqual([])
    }

    const given = {
      seeder: await leaves(seeder),
      one: await leaves(one),
      two: await leaves(two),
      libtorrent: await libtorrent.leave(),
      aria2: await aria2.uploaded(),
    }
    const text = `${JSON.stringify(given)}\n${seeder.log()}\n${one.log()}\n${two.log()}`
    expect(Math.min(...Object.values(given)), text).toBeGreaterThan(0)
    const all = Object.values(given).reduce((sum, bytes) => sum + bytes, 0)
    // Some clients' own figures lag behind by some blocks.
    expect(all, text).toBeGreaterThanOrEqual(0.98 * 4 * torrent.totalLength)
    // most of it they had from each other
    expect(given.seeder, text).toBeLessThan(2 * torrent.totalLength)
    for (const run of [seeder, one, two]) {
      expect(run.events.filter(({ event, state }) => event === "error" || state === "banned"), run.log())
        .toEqual([])
      expect(run.events.filter(({ reason }) => /protocol error/.test(String(reason))), run.log()).toEqual([])
    }
  })
})

/** Stops it; gives what it uploaded in all, which its last progress may not have told yet. */
const leaves = async (run: Shoal.Run): Promise<number> => {
  expect((await Swarm.interrupt(run)).code, run.log()).toBe(130)
  return Math.max(...run.events.map(({ uploaded }) => Number(uploaded ?? 0)))
}
