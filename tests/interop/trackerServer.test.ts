/** `shoal tracker` as other people's clients meet it, and as a process: its options, its signals, its end. */
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import process from "node:process"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import * as Aria2 from "../support/Aria2.ts"
import type * as Bencode from "../support/Bencode.ts"
import * as Http from "../support/Http.ts"
import * as Clients from "../support/Clients.ts"
import * as Libtorrent from "../support/Libtorrent.ts"
import * as Process from "../support/Process.ts"
import * as Qbittorrent from "../support/Qbittorrent.ts"
import * as Shoal from "../support/Shoal.ts"
import * as TempDir from "../support/TempDir.ts"
import * as Torrents from "../support/Torrents.ts"
import * as Transmission from "../support/Transmission.ts"

const temp = TempDir.make("tracker")
let small: Torrents.TestTorrent
beforeAll(async () => {
  small = await Torrents.small(temp.sub("small"), 600_000)
})
afterAll(temp.remove)

interface Tracker {
  readonly run: Shoal.Run
  readonly http: string
  readonly udp: string
  readonly [Symbol.asyncDispose]: () => Promise<void>
}

const LOCAL = ["--host", "127.0.0.1", "--http-port", "0", "--udp-port", "0"]

const start = async (
  args: ReadonlyArray<string> = [],
  options: Shoal.RunOptions = {},
  at: ReadonlyArray<string> = LOCAL,
): Promise<Tracker> => {
  const run = Shoal.start(["tracker", "--json", ...at, ...args], options)
  try {
    const { http, udp } = await run.event("listening")
    return {
      run,
      http: String(http),
      udp: String(udp),
      [Symbol.asyncDispose]: run.stop,
    }
  } catch (error) {
    await run.stop()
    throw error
  }
}

/** Sends a signal that ends the tracker, and gives how it ended. */
const stop = async ({ run }: Tracker, signal: NodeJS.Signals = "SIGINT"): Promise<Process.Exit> => {
  run.child.signal(signal)
  return await run.end(10_000)
}

const escape = (hex: string): string => hex.replace(/../g, "%$&")

/** What a scrape tells of a torrent. */
const scrape = async (http: string, infoHash: string): Promise<Bencode.Dict> => {
  const { files } = await Http.getDict(`${http.replace("announce", "scrape")}?info_hash=${escape(infoHash)}`)
  return Object.values(files as Record<string, Bencode.Dict>)[0]!
}

const announceUrl = (http: string, infoHash: string, port: number, more = ""): string =>
  `${http}?info_hash=${escape(infoHash)}&peer_id=-XX0001-${String(port).padStart(12, "0")}` +
  `&port=${port}&uploaded=0&downloaded=0&left=1&compact=1${more}`

const announce = (http: string, infoHash: string, port: number, more = ""): Promise<Bencode.Dict> =>
  Http.getDict(announceUrl(http, infoHash, port, more))

const counts = (http: string, infoHash: string) => async (): Promise<Bencode.Dict> =>
  await scrape(http, infoHash)

/** Waits until these are the figures; fails with those that there are. */
const until = async (
  what: string,
  probe: () => Promise<Bencode.Dict>,
  wanted: Bencode.Dict,
): Promise<void> => {
  let found: Bencode.Dict = {}
  await Process.until(what, async () => {
    found = await probe()
    return Object.entries(wanted).every(([name, value]) => found[name] === value)
  }, 30_000).catch((error: Error) => {
    throw new Error(`${error.message}: ${JSON.stringify(found)}, not ${JSON.stringify(wanted)}`)
  })
}

let torrents = 0
const trackedBy = (url: string, torrent = small): Torrents.TestTorrent =>
  Torrents.withTrackers(torrent, join(temp.path, `tracked-${++torrents}.torrent`), [url])

const leechers = {
  aria2: {
    missing: Aria2.missing,
    // aria2 speaks UDP to trackers through the socket of its DHT, which knows no other node here
    command: async (torrent: Torrents.TestTorrent, dir: string) => {
      const port = await Process.freePort()
      const state = temp.sub(`aria2-${port}`)
      return Aria2.leechCommand(torrent, dir, port).flatMap((arg) =>
        arg === "--enable-dht=false"
          ? ["--enable-dht=true", `--dht-listen-port=${port}`, `--dht-file-path=${join(state, "dht.dat")}`]
          : [arg]
      )
    },
  },
  libtorrent: {
    missing: Libtorrent.missing,
    command: (torrent: Torrents.TestTorrent, dir: string) =>
      Promise.resolve(Libtorrent.leechCommand(torrent, dir, [])),
  },
  shoal: {
    missing: Shoal.missing,
    command: (torrent: Torrents.TestTorrent, dir: string) =>
      Promise.resolve(Shoal.command(["download", torrent.file, "--quiet", "--out", dir, ...Shoal.OFFLINE])),
  },
}

/** Downloads with nothing but the torrent's tracker known; the copy must be perfect. */
const leech = async (
  command: ReadonlyArray<string>,
  torrent: Torrents.TestTorrent,
  dir: string,
): Promise<void> => {
  const [program, ...args] = command
  await using child = Process.start(program!, args, { name: `leecher ${program}` })
  const exit = await Process.within(child.exited, 60_000, () => Process.report(child))
  expect(exit.code, Process.report(child)).toBe(0)
  expect(Torrents.differing(torrent, dir), Process.report(child)).toEqual([])
}

describe.each(["node", "deno"] as const)("on %s", (runtime) => {
  for (const scheme of ["http", "udp"] as const) {
    // aria2 as a seeder runs without its DHT, and so without UDP; as a leecher see below.
    const seeders = scheme === "udp" ? { Libtorrent, Qbittorrent } : { Aria2, Libtorrent, Qbittorrent }
    for (const [name, seeder] of Object.entries(seeders)) {
      test(`over ${scheme}, ${name} is found and a download completes`, async (context) => {
        Clients.skipIf(context, seeder.missing() ?? Libtorrent.missing() ?? Shoal.missing(runtime))
        using out = TempDir.make("leech")
        await using tracker = await start([], { runtime })
        const torrent = trackedBy(tracker[scheme])
        const found = counts(tracker.http, torrent.infoHash)
        {
          await using _seeder = await seeder.seed(torrent)
          await until("the tracker knows the seeder", found, { complete: 1, incomplete: 0 })
          await leech(await leechers.libtorrent.command(torrent, out.path), torrent, out.path)
        }
        expect(tracker.run.child.stderr()).toBe("")
        expect(await stop(tracker)).toEqual({ code: 130, signal: null })
      })
    }
  }
})

for (const scheme of ["http", "udp"] as const) {
  for (const [name, leecher] of Object.entries(leechers)) {
    test(`over ${scheme}, ${name} finds a seeder by the tracker alone, and is counted`, async (context) => {
      Clients.skipIf(context, leecher.missing() ?? Libtorrent.missing())
      using out = TempDir.make("leech")
      await using tracker = await start()
      const torrent = trackedBy(tracker[scheme])
      await using _seeder = await Libtorrent.seed(torrent)
      const found = counts(tracker.http, torrent.infoHash)
      await until("the tracker knows the seeder", found, { complete: 1 })
      await leech(await leecher.command(torrent, out.path), torrent, out.path)
      // aria2 leaves with `stopped` at once, without `completed` before it
      await until("the tracker saw the download", found, {
        incomplete: 0,
        downloaded: name === "aria2" ? 0 : 1,
      })
    })
  }
}

test("over http and udp, transmission seeds to libtorrent in a network of their own", async (context) => {
  Clients.skipIf(context, Transmission.missing() ?? Libtorrent.missing())
  // Transmission refuses peers on 127.0.0.0/8: see support/Transmission.ts
  const host = "10.77.0.1"
  const setUp = `ip link set lo up && ip address add ${host}/32 dev lo && exec "$@"`
  const enter = ["unshare", "--net", "sh", "-c", setUp, "sh"]
  await using tracker = await start([], { enter }, ["--host", host])
  const inside = ["nsenter", `--net=/proc/${tracker.run.child.pid}/ns/net`]
  const seeders = async (): Promise<number> => {
    const curl = [...inside.slice(1), "curl", "-s", `http://${host}:6969/stats.json`]
    return (JSON.parse(await Process.run(inside[0]!, curl)) as { seeders: number }).seeders
  }
  let known = 0
  for (const scheme of ["http", "udp"] as const) {
    using home = TempDir.make("transmission")
    using out = TempDir.make("leech")
    const url = tracker[scheme]
    expect(url).toBe(`${scheme}://${host}:6969/announce`)
    const torrent = trackedBy(url)
    const watched = home.sub("watch")
    writeFileSync(join(watched, "a.torrent"), readFileSync(torrent.file))
    await using daemon = Process.start(inside[0]!, [
      ...inside.slice(1),
      ...["transmission-daemon", "--foreground", "--config-dir", home.path],
      ...["--watch-dir", watched, "--download-dir", torrent.dataDir],
      ...[
        "--peerport",
        scheme === "http" ? "51413" : "51414",
        "--port",
        "9091",
        "--rpc-bind-address",
        "127.0.0.1",
        "--no-auth",
      ],
      ...["--no-dht", "--no-lpd", "--no-utp", "--no-portmap", "--no-incomplete-dir", "--log-info"],
    ], { name: "transmission" })
    await Process.until("the tracker knows transmission", async () => {
      if (daemon.hasExited()) throw new Error(Process.report(daemon))
      return await seeders() === known + 1
    }, 40_000)
    await leech(
      [...inside, ...Libtorrent.leechCommand(torrent, out.path, [], "0.0.0.0")],
      torrent,
      out.path,
    )
    // transmission ends without a word, and libtorrent sometimes: they are still counted
    known = await seeders()
  }
})

const HASHES = Array.from({ length: 300 }, (_, n) => n.toString(16).padStart(40, "0"))

describe("several processes", () => {
  test.each([2, 3])("%i of them share sockets, swarms and counters", async (workers) => {
    await using tracker = await start(["--workers", String(workers)])
    // each request on a connection of its own, so that every process gets some
    for (const [n, hash] of HASHES.entries()) {
      await Http.get(announceUrl(tracker.http, hash, 1000 + n))
      const reply = await announce(tracker.http, hash, 2000 + n)
      expect((reply["peers"] as Uint8Array).length).toBe(6)
    }
    const page = new URL("/stats.json", tracker.http)
    await Process.until("the counters of all processes", async () => {
      const stats = await (await Http.get(page)).json() as { http: { announces: number }; leechers: number }
      expect(stats.leechers).toBe(2 * HASHES.length)
      return stats.http.announces === 2 * HASHES.length ? true : undefined
    })
    expect(await stop(tracker)).toEqual({ code: 130, signal: null })
    expect(tracker.run.child.stderr()).toBe("stopped\n")
  })

  test("over udp, a client's packets may reach any of them", async (context) => {
    Clients.skipIf(context, Libtorrent.missing() ?? Aria2.missing())
    using out = TempDir.make("leech")
    await using tracker = await start(["--workers", "3"])
    const torrent = trackedBy(tracker.udp)
    await using _seeder = await Libtorrent.seed(torrent)
    await until("the tracker knows the seeder", counts(tracker.http, torrent.infoHash), { complete: 1 })
    await leech(await leechers.libtorrent.command(torrent, out.path), torrent, out.path)
  })

  test("one that dies is replaced, and the swarms are still there", async () => {
    await using tracker = await start(["--workers", "2"])
    await announce(tracker.http, HASHES[1]!, 1001)
    const children = (await Process.run("ps", ["-o", "pid=", "--ppid", String(tracker.run.child.pid)]))
      .trim().split(/\s+/).map(Number)
    expect(children).toHaveLength(2)
    for (const pid of children) process.kill(pid, "SIGKILL")
    await tracker.run.event("warning", ({ message }) => /ended with SIGKILL/.test(String(message)))
    await Process.until("the tracker answers again", async () => {
      // A connection that was being handed to a process that died is lost: the runtime's own cluster does not notice.
      const url = announceUrl(tracker.http, HASHES[1]!, 1002)
      const reply = await Http.getDict(url, 2_000).catch(() => undefined)
      return reply === undefined ? undefined : (reply["peers"] as Uint8Array).length === 6
    })
    expect(await stop(tracker)).toEqual({ code: 130, signal: null })
  })

  test("fail together, and say why once", async () => {
    await using other = await start(["--no-udp"])
    const port = new URL(other.http).port
    await using run = Shoal.start([
      ...["tracker", "--json", "--host", "127.0.0.1", "--http-port", port, "--no-udp", "--workers", "2"],
    ])
    const exit = await run.end(20_000)
    expect(exit.code, run.log()).toBe(1)
    expect(run.events).toMatchObject([{ event: "error", reason: "AddressInUse" }])
    expect(run.child.stderr()).toMatch(/^shoal: cannot listen on .*: the port is taken.*\n$/)
  })
})

describe("the process", () => {
  test("says in text where it listens", async () => {
    await using run = Shoal.start(["tracker", ...LOCAL])
    const [line] = await run.child.line(/^listening on /)
    expect(line).toBe("listening on ")
    expect(run.child.stdout()).toMatch(
      /^listening on http:\/\/127\.0\.0\.1:\d+\/announce and udp:\/\/127\.0\.0\.1:\d+\/announce\n$/,
    )
    run.child.signal("SIGTERM")
    expect((await run.end()).code).toBe(130)
  })

  test.each([["1"], ["2"]])("keeps the swarms from one run to the next, with %s workers", async (workers) => {
    using dir = TempDir.make("state")
    const state = join(dir.path, "swarms.bin")
    const args = ["--state", state, "--workers", workers]
    {
      await using tracker = await start(args)
      for (const [n, hash] of HASHES.entries()) await announce(tracker.http, hash, 3000 + n)
      await stop(tracker)
    }
    expect(TempDir.list(dir.path)).toEqual(["swarms.bin"])
    await using tracker = await start(args)
    expect(await scrape(tracker.http, HASHES[299]!)).toMatchObject({ complete: 0, incomplete: 1 })
    const { peers } = await announce(tracker.http, HASHES[0]!, 1)
    expect([...peers as Uint8Array]).toEqual([127, 0, 0, 1, 3000 >> 8, 3000 & 255])
    expect(existsSync(`${state}.new`)).toBe(false)
  })

  test.each([["1"], ["2"]])(
    "follows its lists, by itself and on SIGHUP, with %s workers",
    async (workers) => {
      using dir = TempDir.make("lists")
      const deny = join(dir.path, "deny.txt")
      const keys = join(dir.path, "keys.txt")
      writeFileSync(deny, `${HASHES[1]}\nnot a hash\n`)
      writeFileSync(keys, "alice\n")
      await using tracker = await start(["--deny", deny, "--keys", keys, "--workers", workers])
      const warning = await tracker.run.event("warning")
      expect(warning["message"]).toBe(
        `${deny}: line 2 is not an info-hash: 40 hexadecimal digits; it is left out`,
      )
      const alice = tracker.http.replace("announce", "announce/alice")
      const refusal = async (url: string, hash: string) =>
        String((await announce(url, hash, 1))["failure reason"] ?? "served")
      expect(await refusal(alice, HASHES[1]!)).toMatch(/does not serve this torrent/)
      expect(await refusal(alice, HASHES[2]!)).toBe("served")
      expect(await refusal(tracker.http, HASHES[2]!)).toMatch(/private/)

      writeFileSync(keys, "alice\nbob\n")
      tracker.run.child.signal("SIGHUP")
      const bob = tracker.http.replace("announce", "announce/bob")
      await Process.until("bob is let in", async () => await refusal(bob, HASHES[2]!) === "served")
      writeFileSync(deny, `${HASHES[2]}\n`)
      await Process.until("the other torrent is denied", async () => {
        // asked of all processes: connections go round
        const answers = await Promise.all([1, 2, 3, 4].map(() => refusal(bob, HASHES[1]!)))
        return answers.every((answer) => answer === "served")
      })
      // once at the start, once after the signal, by whichever process
      const warnings = tracker.run.events.filter(({ event }) => event === "warning")
      expect(warnings.map(({ message }) => message)).toEqual([warning["message"], warning["message"]])
    },
  )

  test("serves a torrent that is on the list of what it serves, and no other", async () => {
    using dir = TempDir.make("lists")
    const allow = join(dir.path, "allow.txt")
    writeFileSync(allow, `${HASHES[5]}  # five\n`)
    await using tracker = await start(["--allow", allow, "--no-udp", "--interval", "60s"])
    const reply = await announce(tracker.http, HASHES[5]!, 1)
    expect(reply["interval"]).toBeLessThanOrEqual(60)
    expect(reply["min interval"]).toBe(30)
    expect(String((await announce(tracker.http, HASHES[6]!, 1))["failure reason"])).toMatch(/does not serve/)
  })

  test("says what is wrong with a list, a port or the options, in one line", async () => {
    const cases: ReadonlyArray<readonly [ReadonlyArray<string>, number, RegExp]> = [
      [["--allow", "/no/such/list"], 1, /^shoal: the list \/no\/such\/list can't be read: .*\n$/],
      [["--redis", "http://x"], 1, /^shoal: .*redis:\/\/.*\n$/],
      [["--no-http", "--no-udp"], 2, /^shoal: --no-http and --no-udp leave nothing to serve\n/],
      [["--host", "203.0.113.9"], 1, /^shoal: cannot listen on .*203\.0\.113\.9.*\n$/],
    ]
    for (const [args, code, stderr] of cases) {
      await using run = Shoal.start(["tracker", ...LOCAL.slice(2), ...args])
      expect((await run.end(20_000)).code, run.log()).toBe(code)
      expect(run.child.stderr()).toMatch(stderr)
    }
  })
})
