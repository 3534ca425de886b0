/**
 * What each command listens on, by the system's own word: the sockets that its process holds, as cli/README.md says, and no
 * others. In a network of its own, so that local discovery reaches nobody.
 */
import { readdirSync, readFileSync, readlinkSync } from "node:fs"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import * as Clients from "../support/Clients.ts"
import * as Network from "../support/Network.ts"
import * as Process from "../support/Process.ts"
import * as Shoal from "../support/Shoal.ts"
import * as TempDir from "../support/TempDir.ts"
import * as Torrents from "../support/Torrents.ts"

const temp = TempDir.make("listening")
let network: Network.Network | undefined
let torrent: Torrents.TestTorrent
beforeAll(async () => {
  if (Network.missing() === undefined) network = await Network.make()
  torrent = await Torrents.make({
    dir: temp.path,
    name: "content.bin",
    files: [{ path: "", length: 300_000 }],
    pieceLength: 32_768,
    writer: "own",
  })
})
afterAll(async () => {
  await network?.stop()
  temp.remove()
})

const fromHex = (hex: string): string => {
  // Words of 32 bits in the machine's order, which is little endian wherever this runs.
  const bytes = (hex.match(/.{8}/g) ?? []).flatMap((word) => word.match(/../g)!.reverse())
  if (bytes.every((byte) => byte === "00")) return "*"
  if (bytes.length === 4) return bytes.map((byte) => parseInt(byte, 16)).join(".")
  const mapped = bytes.slice(0, 10).every((byte) => byte === "00") && bytes[10] === "FF"
  if (mapped) return bytes.slice(12).map((byte) => parseInt(byte, 16)).join(".")
  return bytes.every((byte, at) => byte === (at === 15 ? "01" : "00")) ? "::1" : bytes.join("").toLowerCase()
}

/** `tcp *:6881`, for each TCP socket of a process that listens and each UDP socket, sorted. */
const sockets = (pid: number): ReadonlyArray<string> => {
  const inodes = new Set<string>()
  try {
    for (const fd of readdirSync(`/proc/${pid}/fd`)) {
      try {
        const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1]
        if (inode !== undefined) inodes.add(inode)
      } catch {
        // Closed since.
      }
    }
    return ["tcp", "tcp6", "udp", "udp6"].flatMap((table) =>
      readFileSync(`/proc/${pid}/net/${table}`, "latin1").split("\n").slice(1).flatMap((line) => {
        const fields = line.trim().split(/\s+/)
        const [, local = "", , state] = fields
        if (!inodes.has(fields[9] ?? "") || (table.startsWith("tcp") && state !== "0A")) return []
        const [host = "", port = ""] = local.split(":")
        return [`${table.slice(0, 3)} ${fromHex(host)}:${parseInt(port, 16)}`]
      })
    ).sort()
  } catch {
    // It has ended.
    return []
  }
}

/** What a command opens until it ends, or until `isReady`; every look that was taken counts. */
const watch = async (
  args: ReadonlyArray<string>,
  runtime: Shoal.Runtime,
  isReady?: (run: Shoal.Run) => Promise<unknown>,
): Promise<ReadonlyArray<string>> => {
  const home = temp.sub(`home-${Math.random()}`)
  await using run = Shoal.start([...args, "--json"], {
    enter: network!.enter,
    home,
    runtime,
    // Deno itself asks now and then whether there is a newer one.
    env: { ...Shoal.WITH_DHT, ...Shoal.WITH_LSD, DENO_NO_UPDATE_CHECK: "1" },
  })
  const seen = new Set<string>()
  let isOver = false
  const over = (isReady === undefined ? run.end(60_000) : isReady(run)).finally(() => isOver = true)
  const look = (): void => sockets(run.child.pid).forEach((socket) => seen.add(socket))
  while (!isOver) {
    look()
    await Promise.race([over.catch(() => {}), new Promise((resolve) => setTimeout(resolve, 5))])
  }
  await over
  look()
  if (isReady !== undefined) {
    run.child.signal("SIGINT")
    expect((await run.end(30_000)).code, run.log()).toBe(130)
  }
  return [...seen].sort()
}

const listening = (run: Shoal.Run): Promise<unknown> => run.event("listening", undefined, 60_000)

/** Local discovery joins after the port is known: so long as its socket is awaited. */
const discovering = async (run: Shoal.Run): Promise<void> => {
  await listening(run)
  await Process.until(
    "the group is joined",
    () => sockets(run.child.pid).some((socket) => socket.endsWith(":6771")),
  )
}

/** Ports that the system chose, so that only the address can be said. */
const unnamed = (all: ReadonlyArray<string>, known: ReadonlyArray<number>): ReadonlyArray<string> =>
  all.map((socket) =>
    known.some((port) => socket.endsWith(`:${port}`)) ? socket : socket.replace(/:\d+$/, ":any")
  ).sort()

const missing = Network.missing()

describe.each(["node", "deno"] as const)("on %s", (runtime) => {
  const missingHere = missing ?? Shoal.missing(runtime)

  test.skipIf(missingHere !== undefined).each([
    ["inspect", () => ["inspect", torrent.file]],
    ["verify", () => ["verify", torrent.file, "--data", torrent.dataDir]],
    ["create", () => ["create", join(torrent.dataDir, torrent.name), "-o", temp.sub(`made-${runtime}`)]],
    ["simulate", () => ["simulate", "--peers", "3", "--size", "1M"]],
  ])("%s opens nothing", async (_, args) => {
    expect(await watch(args(), runtime)).toEqual([])
  })

  test("seed opens its port, the DHT's of the same number, and local discovery's", async (context) => {
    Clients.skipIf(context, missingHere)
    const host = network!.host()
    const args = ["seed", torrent.file, "--data", torrent.dataDir, "--port", "7001"]
    const dht = ["--dht-bootstrap", "10.77.0.99:9"]
    const everywhere = await watch([...args, ...dht], runtime, discovering)
    expect([...new Set(unnamed(everywhere, [7001, 6771]))].filter((socket) => !/^udp \S+:any$/.test(socket)))
      .toEqual(["tcp *:7001", "udp *:6771", "udp *:7001"])
    // From which it asks the group: one for each interface, none on all.
    expect(unnamed(everywhere, [7001, 6771])).not.toContain("udp *:any")
    const there = await watch([...args, ...dht, "--bind", host], runtime, discovering)
    expect(unnamed(there, [7001, 6771])).toEqual([
      "tcp " + host + ":7001",
      "udp *:6771",
      "udp " + host + ":7001",
      "udp " + host + ":any",
    ].sort())
    const alone = await watch([...args, "--bind", host, "--no-dht", "--no-lsd"], runtime, listening)
    expect(alone).toEqual([`tcp ${host}:7001`])
  })

  test("download opens the same, and no more than it is told to", async (context) => {
    Clients.skipIf(context, missingHere)
    const host = network!.host()
    const out = () => temp.sub(`out-${Math.random()}`)
    const args = () => ["download", torrent.file, "--port", "7002", "--peer", "10.77.0.99:9", "--out", out()]
    const started = (run: Shoal.Run) => run.event("started", undefined, 60_000)
    expect(await watch([...args(), "--no-dht", "--no-lsd"], runtime, started)).toEqual(["tcp *:7002"])
    expect(await watch([...args(), "--no-dht", "--no-lsd", "--bind", host], runtime, started))
      .toEqual([`tcp ${host}:7002`])
    const dht = [...args(), "--no-lsd", "--bind", host, "--dht-bootstrap", "10.77.0.99:9"]
    expect(await watch(dht, runtime, started)).toEqual([`tcp ${host}:7002`, `udp ${host}:7002`])
  })

  test("tracker opens what it is asked for", async (context) => {
    Clients.skipIf(context, missingHere)
    const host = network!.host()
    expect([...new Set(await watch(["tracker"], runtime, listening))]).toEqual(["tcp *:6969", "udp *:6969"])
    expect(
      await watch(
        ["tracker", "--host", host, "--http-port", "7003", "--udp-port", "7004"],
        runtime,
        listening,
      ),
    )
      .toEqual([`tcp ${host}:7003`, `udp ${host}:7004`])
    expect(await watch(["tracker", "--host", host, "--no-udp"], runtime, listening)).toEqual([
      `tcp ${host}:6969`,
    ])
    expect(await watch(["tracker", "--host", host, "--no-http"], runtime, listening)).toEqual([
      `udp ${host}:6969`,
    ])
  })

  test("share --tracker-here opens its port and the tracker's", async (context) => {
    Clients.skipIf(context, missingHere)
    const host = network!.host()
    const path = join(temp.sub(`share-${runtime}`), "shared.bin")
    Torrents.writeData(path, 100_000, "shared")
    const args = ["share", path, "--tracker-here", "--bind", host, "--port", "7005", "--no-dht", "--no-lsd"]
    const all = unnamed(await watch(args, runtime, listening), [6969, 7005])
    // The last is from where its own tracker is asked over UDP.
    expect(all.filter((socket) => socket !== `udp ${host}:any`))
      .toEqual([`tcp ${host}:6969`, `tcp ${host}:7005`, `udp ${host}:6969`])
  })

  test("dht asks from the address of --bind", async (context) => {
    Clients.skipIf(context, missingHere)
    const host = network!.host()
    const args = ["dht", "lookup", torrent.infoHash, "--dht-bootstrap", "10.77.0.99:9", "--bind", host]
    const asking = (run: Shoal.Run) =>
      Process.until("it has a socket", () => sockets(run.child.pid).length > 0 ? true : undefined)
    expect(unnamed(await watch(args, runtime, asking), [])).toEqual([`udp ${host}:any`])
  })

  test("demo opens nothing but on 127.0.0.1", async (context) => {
    Clients.skipIf(context, missingHere)
    const seen = await watch(["demo", "--peers", "2", "--size", "2M"], runtime)
    expect(seen.length).toBeGreaterThanOrEqual(4)
    expect([...new Set(unnamed(seen, []))]).toEqual(["tcp 127.0.0.1:any"])
  })
})

test("the figures of a tracker are for its own machine", async (context) => {
  Clients.skipIf(
    context,
    missing ?? Shoal.missing() ?? (Process.find("curl") === undefined ? "needs curl" : undefined),
  )
  const [host, other] = [network!.host(), network!.host()]
  const ask = (from: string, path: string, name = `${host}:6969`): Promise<string> => {
    const [enter, ...rest] = [
      ...network!.enter,
      "curl",
      "--silent",
      "--interface",
      from,
      "--header",
      `Host: ${name}`,
    ]
    return Process.run(enter!, [
      ...rest,
      "--write-out",
      "%{http_code}",
      "--output",
      "/dev/null",
      `http://${host}:6969${path}`,
    ])
  }
  for (const isPublic of [false, true]) {
    const args = ["tracker", "--host", host, "--no-udp", "--json", ...(isPublic ? ["--public-stats"] : [])]
    await using run = Shoal.start(args, { enter: network!.enter })
    await listening(run)
    for (const path of ["/stats", "/stats.json", "/metrics"]) {
      expect(await ask(host, path), path).toBe("200")
      expect(await ask(other, path), path).toBe(isPublic ? "200" : "403")
      expect(await ask(host, path, "evil.example"), path).toBe(isPublic ? "200" : "421")
    }
    expect(await ask(other, "/health")).toBe("200")
  }
})
