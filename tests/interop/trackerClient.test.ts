/** Shoal as the client of a tracker that others wrote, over UDP and HTTP, on Node and on Deno. */
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import * as Aria2 from "../support/Aria2.ts"
import * as Clients from "../support/Clients.ts"
import * as Shoal from "../support/Shoal.ts"
import * as TempDir from "../support/TempDir.ts"
import * as Torrents from "../support/Torrents.ts"
import * as Tracker from "../support/Tracker.ts"

const temp = TempDir.make("tracker-client")
let small: Torrents.TestTorrent
beforeAll(async () => {
  small = await Torrents.small(temp.sub("small"), 400_000)
})
afterAll(temp.remove)

interface Answer {
  readonly url: string
  readonly ok: boolean
  readonly error?: string
  readonly intervalSeconds?: number
  readonly seeders: number
  readonly leechers: number
  readonly downloads?: number
  readonly peers: ReadonlyArray<string>
}

/** What `announce` or `scrape` prints for these trackers, and how it ended. */
const ask = async (
  command: "announce" | "scrape",
  file: string,
  trackers: ReadonlyArray<string>,
  runtime: Shoal.Runtime,
): Promise<
  { readonly code: number | null; readonly answers: ReadonlyArray<Answer>; readonly log: string }
> => {
  await using run = Shoal.start(
    [command, file, "--json", ...trackers.flatMap((url) => ["--tracker", url])],
    { runtime },
  )
  const { code } = await run.end(60_000)
  expect(run.strays, run.log()).toEqual([])
  expect(run.events.length, run.log()).toBe(1)
  const answers = run.events[0]!["trackers"] as ReadonlyArray<Answer>
  expect(answers.map(({ url }) => url)).toEqual(trackers)
  return { code, answers, log: run.log() }
}

/** Downloads by the tracker alone, and gives the last event. */
const downloads = async (torrent: Torrents.TestTorrent, runtime: Shoal.Runtime): Promise<Shoal.Run> => {
  using out = TempDir.make("out")
  await using run = Shoal.download(torrent.file, { out: out.path, runtime })
  const exit = await run.end(80_000)
  expect(exit, run.log()).toEqual({ code: 0, signal: null })
  expect(Torrents.differing(torrent, out.path), run.log()).toEqual([])
  return run
}

describe.each(["node", "deno"] as const)("on %s, opentracker", (runtime) => {
  test("names a seeder over UDP and HTTP, and its figures", async (context) => {
    Clients.skipIf(context, Tracker.openTrackerMissing() ?? Aria2.missing())
    await using tracker = await Tracker.openTracker([small.infoHash])
    const torrent = Torrents.withTrackers(small, `${temp.path}/seeded-${runtime}.torrent`, [tracker.http])
    await using seeder = await Aria2.seed(torrent)
    await Tracker.scraped(tracker, small.infoHash, 1)
    const urls = [tracker.udp, tracker.http]
    const announced = await ask("announce", small.file, urls, runtime)
    expect(announced.code, announced.log).toBe(0)
    for (const answer of announced.answers) {
      // We count, too, for as long as the question takes; over one of the two, perhaps, after having left again.
      expect(answer, announced.log).toMatchObject({ ok: true, seeders: 1 })
      expect(answer.peers).toContain(seeder.address)
      expect(answer.intervalSeconds).toBeGreaterThanOrEqual(60)
    }
    const scraped = await ask("scrape", small.file, urls, runtime)
    expect(scraped.code, scraped.log).toBe(0)
    for (const answer of scraped.answers) {
      // No trace of the announces is left.
      expect(answer, scraped.log).toMatchObject({ ok: true, seeders: 1, leechers: 0, downloads: 0 })
    }
  })

  test("refuses what it does not serve, at once, and scrapes it as nothing", async (context) => {
    Clients.skipIf(context, Tracker.openTrackerMissing())
    await using tracker = await Tracker.openTracker(["00".repeat(20)])
    const announced = await ask("announce", small.file, [tracker.udp, tracker.http], runtime)
    expect(announced.code, announced.log).toBe(1)
    // Over UDP it sends the head of a reply and nothing else.
    expect(announced.answers, announced.log).toMatchObject([
      { ok: false, error: "the reply says nothing; the tracker may not serve this torrent" },
      { ok: false, error: "Requested download is not authorized for use with this tracker." },
    ])
    const scraped = await ask("scrape", small.file, [tracker.udp], runtime)
    expect(scraped.answers, scraped.log).toMatchObject([{ ok: true, seeders: 0, leechers: 0, downloads: 0 }])
  })

  test("is all that a download over UDP needs, and is told of its end", async (context) => {
    Clients.skipIf(context, Tracker.openTrackerMissing() ?? Aria2.missing())
    await using tracker = await Tracker.openTracker([small.infoHash])
    const seeded = Torrents.withTrackers(small, `${temp.path}/http-${runtime}.torrent`, [tracker.http])
    await using _seeder = await Aria2.seed(seeded)
    await Tracker.scraped(tracker, small.infoHash, 1)
    const torrent = Torrents.withTrackers(small, `${temp.path}/udp-${runtime}.torrent`, [tracker.udp])
    const run = await downloads(torrent, runtime)
    expect(run.events.find(({ event }) => event === "tracker")).toMatchObject({ url: tracker.udp, ok: true })
    const { answers } = await ask("scrape", small.file, [tracker.udp], runtime)
    expect(answers, run.log()).toMatchObject([{ seeders: 1, leechers: 0, downloads: 1 }])
  })
})
