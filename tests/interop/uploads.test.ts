/** Whole downloads by other people's clients from `shoal seed`, on Node and on Deno; and how a seed ends and goes on. */
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import process from "node:process"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import * as Aria2 from "../support/Aria2.ts"
import * as Clients from "../support/Clients.ts"
import * as Libtorrent from "../support/Libtorrent.ts"
import * as Qbittorrent from "../support/Qbittorrent.ts"
import * as Rtorrent from "../support/Rtorrent.ts"
import * as Shoal from "../support/Shoal.ts"
import * as Swarm from "../support/Swarm.ts"
import * as TempDir from "../support/TempDir.ts"
import * as Torrents from "../support/Torrents.ts"
import * as Tracker from "../support/Tracker.ts"
import * as Transmission from "../support/Transmission.ts"

const temp = TempDir.make("uploads")
let small: Torrents.TestTorrent
let nested: Torrents.TestTorrent
let large: Torrents.TestTorrent
beforeAll(async () => {
  // their data is in one folder
  small = await Torrents.small(temp.path, 400_000)
  nested = await Torrents.nested(temp.path)
  large = await Torrents.large(temp.path)
})
afterAll(temp.remove)

let copies = 0
const trackedBy = (torrent: Torrents.TestTorrent, url: string): Torrents.TestTorrent =>
  Torrents.withTrackers(torrent, join(temp.path, `tracked-${++copies}.torrent`), [url])

/** Nobody answers there: for clients that refuse a torrent without trackers. */
const NOWHERE = "http://127.0.0.1:9/announce"

/** What every seed should have done in the end: uploaded all of it, to nobody's complaint, and left at Ctrl-C. */
const endsWell = async (run: Shoal.Run, torrent: Torrents.TestTorrent): Promise<void> => {
  expect(await Swarm.interrupt(run), run.log()).toEqual({ code: 130, signal: null })
  expect(run.strays, run.log()).toEqual([])
  expect(run.events.filter(({ event, state }) => event === "error" || state === "banned"), run.log()).toEqual(
    [],
  )
  const last = run.events.at(-1)!
  expect(last, run.log()).toMatchObject({ event: "stopped", infoHash: torrent.infoHash })
  expect(last["uploaded"], run.log()).toBeGreaterThanOrEqual(torrent.totalLength)
  // nobody should need anything twice
  expect(last["uploaded"], run.log()).toBeLessThan(torrent.totalLength * 1.1)
}

describe.each(["node", "deno"] as const)("on %s", (runtime) => {
  test("256 MiB to libtorrent, which connects", async (context) => {
    Clients.skipIf(context, Libtorrent.missing() ?? Shoal.missing(runtime))
    using out = TempDir.make("out")
    using home = TempDir.make("home")
    await using seeder = await Swarm.seed(large, { runtime, home: home.path })
    await using leecher = await Libtorrent.leech(large, out.path, [seeder.address])
    await Swarm.completes(leecher, large, out.path, seeder)
    await leecher.leave()
    await endsWell(seeder, large)
  })

  test("the nested torrent to aria2, over shoal's tracker", async (context) => {
    Clients.skipIf(context, Aria2.missing() ?? Shoal.missing(runtime))
    using out = TempDir.make("out")
    using home = TempDir.make("home")
    await using tracker = await Swarm.tracker({ runtime })
    const torrent = trackedBy(nested, tracker.http)
    await using seeder = await Swarm.seed(torrent, { runtime, home: home.path })
    await seeder.event("tracker", ({ ok }) => ok === true)
    await using leecher = await Aria2.leech(torrent, out.path)
    await Swarm.completes(leecher, torrent, out.path, seeder)
    await leecher.stop()
    await endsWell(seeder, torrent)
  })
})

describe("on node", () => {
  test("256 MiB to rtorrent, which shoal dials", async (context) => {
    Clients.skipIf(context, Rtorrent.missing())
    using out = TempDir.make("out")
    using home = TempDir.make("home")
    await using leecher = await Rtorrent.leech(trackedBy(large, NOWHERE), out.path)
    await using seeder = await Swarm.seed(large, { home: home.path, peers: [leecher.address] })
    await Swarm.completes(leecher, large, out.path, seeder)
    await leecher.stop()
    await endsWell(seeder, large)
  })

  test("the nested torrent to qbittorrent, over shoal's tracker by UDP", async (context) => {
    Clients.skipIf(context, Qbittorrent.missing())
    using out = TempDir.make("out")
    using home = TempDir.make("home")
    await using tracker = await Swarm.tracker()
    const torrent = trackedBy(nested, tracker.udp)
    await using seeder = await Swarm.seed(torrent, { home: home.path })
    await seeder.event("tracker", ({ ok }) => ok === true)
    await using leecher = await Qbittorrent.leech(torrent, out.path)
    await Swarm.completes(leecher, torrent, out.path, seeder)
    await leecher.stop()
    await endsWell(seeder, torrent)
  })

  test("a small torrent to transmission, in a network of its own", async (context) => {
    Clients.skipIf(context, Transmission.missing())
    using out = TempDir.make("out")
    using home = TempDir.make("home")
    await using leecher = await Transmission.leech(small, out.path)
    const [host] = leecher.address.split(":")
    await using seeder = await Swarm.seed(small, {
      home: home.path,
      enter: leecher.enter,
      host: host!,
      peers: [leecher.address],
    })
    await Swarm.completes(leecher, small, out.path, seeder)
    await leecher.stop()
    await endsWell(seeder, small)
  })

  test("two torrents from one process to four clients at once", async (context) => {
    Clients.skipIf(
      context,
      Aria2.missing() ?? Libtorrent.missing() ?? Qbittorrent.missing() ?? Rtorrent.missing(),
    )
    using out = TempDir.make("out")
    using home = TempDir.make("home")
    await using tracker = await Swarm.tracker()
    const [big, many] = [trackedBy(large, tracker.http), trackedBy(nested, tracker.http)]
    await using run = await Swarm.seed(big, { home: home.path, args: [many.file] })
    for (const { infoHash } of [big, many]) {
      await run.event("tracker", (event) => event["infoHash"] === infoHash && event["ok"] === true)
    }
    const leech = async (
      client: (torrent: Torrents.TestTorrent, dir: string) => Promise<Swarm.Leecher>,
      torrent: Torrents.TestTorrent,
      name: string,
    ): Promise<void> => {
      await using leecher = await client(torrent, out.sub(name))
      await Swarm.completes(leecher, torrent, out.sub(name), run, 80_000)
    }
    await Promise.all([
      leech(Aria2.leech, big, "aria2"),
      leech(Libtorrent.leech, big, "libtorrent"),
      leech(Rtorrent.leech, many, "rtorrent"),
      leech(Qbittorrent.leech, many, "qbittorrent"),
    ])
    expect(await Swarm.interrupt(run), run.log()).toEqual({ code: 130, signal: null })
    expect(run.events.filter(({ event }) => event === "stopped")).toHaveLength(2)
  })
})

/** A small torrent with data of its own: what a seed keeps for the next run lies beside the data. */
const fresh = (): Promise<Torrents.TestTorrent> => Torrents.small(temp.sub(`fresh-${++copies}`), 3_000_000)

/** A whole download by libtorrent from this address. */
const give = async (run: Shoal.Run, torrent: Torrents.TestTorrent, address: string): Promise<void> => {
  using out = TempDir.make("out")
  await using leecher = await Libtorrent.leech(torrent, out.path, [address])
  await Swarm.completes(leecher, torrent, out.path, run)
}

/** Command lines of this machine's processes that name `path`: a zombie has none. */
const naming = (path: string): ReadonlyArray<string> =>
  readdirSync("/proc").filter((name) => /^\d+$/.test(name)).flatMap((pid) => {
    try {
      const line = readFileSync(`/proc/${pid}/cmdline`, "utf8")
      return line.includes(path) ? [line.replaceAll("\0", " ")] : []
    } catch {
      return []
    }
  })

describe.each(["node", "deno"] as const)("its end, on %s", (runtime) => {
  test("Ctrl-C tells the tracker; started again it checks nothing, and the ratio goes on", async (context) => {
    Clients.skipIf(context, Libtorrent.missing() ?? Shoal.missing(runtime))
    using home = TempDir.make("home")
    await using tracker = await Tracker.start()
    const plain = await fresh()
    const torrent = trackedBy(plain, tracker.url)
    const options = { runtime, home: home.path }
    {
      await using first = await Swarm.seed(torrent, options)
      await tracker.announced("event=started", ({ event, left }) => event === "started" && left === 0)
      await give(first, plain, first.address)
      await endsWell(first, torrent)
      const stopped = await tracker.announced("event=stopped", ({ event }) => event === "stopped", 1_000)
      expect(stopped).toMatchObject({ left: 0, downloaded: 0, uploaded: first.events.at(-1)!["uploaded"] })
      expect(first.events.at(-1)!["ratio"]).toBeGreaterThanOrEqual(1)
    }
    // what was given before counts, so that one more copy is enough
    await using second = await Swarm.seed(torrent, { ...options, args: ["--seed-ratio", "2"] })
    expect(second.events.filter(({ event }) => event === "checking"), second.log()).toEqual([])
    await give(second, plain, second.address)
    expect(await second.end(10_000), second.log()).toEqual({ code: 0, signal: null })
    const last = second.events.at(-1)!
    expect(last, second.log()).toMatchObject({ event: "complete", infoHash: torrent.infoHash })
    expect(last["ratio"]).toBeGreaterThanOrEqual(2)
    expect(tracker.announces.map(({ event }) => event)).toEqual(["started", "stopped", "started", "stopped"])
  })

  test("--seed-time ends it with 0", async (context) => {
    Clients.skipIf(context, Shoal.missing(runtime))
    using home = TempDir.make("home")
    const torrent = await fresh()
    await using run = await Swarm.seed(torrent, { runtime, home: home.path, args: ["--seed-time", "1s"] })
    expect(await run.end(10_000), run.log()).toEqual({ code: 0, signal: null })
    const last = run.events.at(-1)!
    expect(last, run.log()).toMatchObject({ event: "complete", uploaded: 0, ratio: 0 })
    expect(last["seconds"], run.log()).toBeGreaterThanOrEqual(0.9)
    expect(last["seconds"], run.log()).toBeLessThan(5)
  })

  test("--detach seeds to libtorrent, and stop leaves nothing running", async (context) => {
    Clients.skipIf(
      context,
      Libtorrent.missing() ?? Shoal.missing(runtime) ??
        (process.platform === "linux" ? undefined : "looks for processes in /proc, as Linux has it"),
    )
    using home = TempDir.make("home")
    const torrent = await fresh()
    const options = { runtime, home: home.path }
    try {
      await using run = await Swarm.seed(torrent, { ...options, args: ["--detach"] })
      const { pid } = await run.event("detached")
      expect(await run.end(10_000), run.log()).toEqual({ code: 0, signal: null })
      expect(naming(torrent.file)).toHaveLength(1)
      await give(run, torrent, run.address)
      await using stop = Shoal.start(["stop", torrent.infoHash, "--json"], options)
      expect(await stop.end(20_000), stop.log()).toEqual({ code: 0, signal: null })
      expect(stop.events).toMatchObject([{ event: "stopped", pid }])
      expect(naming(torrent.file)).toEqual([])
    } finally {
      // whatever failed: it is in no process group of this test
      await Shoal.start(["stop", "--all", "--quiet"], options).end(20_000)
    }
    // and nothing more is there to be stopped
    await using again = Shoal.start(["stop", torrent.infoHash], options)
    expect((await again.end(20_000)).code).toBe(1)
    expect(again.child.stderr()).toMatch(/^shoal: nothing runs in the background\n$/)
  })
})

test("--super: two libtorrent leechers pass on to each other what each was shown", async (context) => {
  Clients.skipIf(context, Libtorrent.missing())
  using out = TempDir.make("out")
  using home = TempDir.make("home")
  await using tracker = await Swarm.tracker()
  const torrent = trackedBy(await fresh(), tracker.http)
  await using seeder = await Swarm.seed(torrent, { home: home.path, args: ["--super"] })
  await seeder.event("tracker", ({ ok }) => ok === true)
  await using one = await Libtorrent.leech(torrent, out.sub("one"))
  await using two = await Libtorrent.leech(torrent, out.sub("two"), [one.address])
  await Promise.all([
    Swarm.completes(one, torrent, out.sub("one"), seeder),
    Swarm.completes(two, torrent, out.sub("two"), seeder),
  ])
  const passedOn = await one.leave() + await two.leave()
  await Swarm.interrupt(seeder)
  const uploaded = Number(seeder.events.at(-1)!["uploaded"])
  expect(passedOn + uploaded).toBeGreaterThanOrEqual(2 * torrent.totalLength)
  // without it, both would have most of it from the seed
  expect(uploaded, `${passedOn} passed on\n${seeder.log()}`).toBeLessThan(1.5 * torrent.totalLength)
})

test("--super: a lone libtorrent leecher gets all of it", async (context) => {
  Clients.skipIf(context, Libtorrent.missing())
  using home = TempDir.make("home")
  const torrent = await fresh()
  await using seeder = await Swarm.seed(torrent, { home: home.path, args: ["--super"] })
  await give(seeder, torrent, seeder.address)
  await endsWell(seeder, torrent)
})

test("--super: a lone shoal gets all of it", async () => {
  using out = TempDir.make("out")
  using home = TempDir.make("home")
  const torrent = await fresh()
  await using seeder = await Swarm.seed(torrent, { home: home.path, args: ["--super"] })
  await using run = Shoal.download(torrent.file, {
    out: out.path,
    home: home.path,
    peers: [seeder.address],
    args: ["--bind", "127.0.0.1", "--port", "0"],
  })
  expect(await run.end(60_000), `${run.log()}\n${seeder.log()}`).toEqual({ code: 0, signal: null })
  expect(Torrents.differing(torrent, out.path)).toEqual([])
  await endsWell(seeder, torrent)
})
