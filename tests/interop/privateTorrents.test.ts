/**
 * A private torrent (BEP 27) is known to its tracker and to the peers that this names, and to nobody else. Beside it runs a public
 * one in the same session, and everything that must not be heard of the first is heard of the second.
 */
import { createSocket } from "node:dgram"
import { join } from "node:path"
import { networkInterfaces } from "node:os"
import { afterAll, expect, test } from "vitest"
import * as FakeNode from "../support/FakeNode.ts"
import * as Process from "../support/Process.ts"
import * as RecordingPeer from "../support/RecordingPeer.ts"
import * as Shoal from "../support/Shoal.ts"
import * as Swarm from "../support/Swarm.ts"
import * as TempDir from "../support/TempDir.ts"
import * as Torrents from "../support/Torrents.ts"
import * as Tracker from "../support/Tracker.ts"

const temp = TempDir.make("private")
afterAll(temp.remove)

interface Neighbour {
  /** What it has heard in the group of local discovery, in lower case. */
  readonly heard: () => string
  readonly [Symbol.dispose]: () => void
}

/** Somebody on the local network who listens for announces (BEP 14). */
const neighbour = async (): Promise<Neighbour> => {
  const socket = createSocket({ type: "udp4", reuseAddr: true })
  let heard = ""
  socket.on("message", (bytes) => heard += bytes.toString("latin1").toLowerCase())
  await new Promise<void>((resolve) => socket.bind(6771, resolve))
  for (const { address, family } of Object.values(networkInterfaces()).flatMap((all = []) => all)) {
    try {
      if (family === "IPv4") socket.addMembership("239.192.152.143", address)
    } catch {
      // one that can't multicast
    }
  }
  return { heard: () => heard, [Symbol.dispose]: () => socket.close() }
}

const make = (name: string, url: string, isPrivate: boolean): Promise<Torrents.TestTorrent> =>
  Torrents.make({
    dir: temp.path,
    name,
    files: [{ path: "", length: 300_000 }],
    pieceLength: 32_768,
    trackers: [url],
    private: isPrivate,
    writer: "own",
  })

test.each(
  [["download", "node"], ["download", "deno"], ["seed", "node"]] as const,
)("shoal %s on %s leaks nothing of it", async (command, runtime) => {
  await using peer = await RecordingPeer.start()
  await using dht = await FakeNode.start({ answers: true })
  await using tracker = await Tracker.start({ peers: [peer.address] })
  using local = await neighbour()
  const secret = await make(`secret-${command}-${runtime}`, tracker.url, true)
  const open = await make(`open-${command}-${runtime}`, tracker.url, false)
  expect(secret.infoHash).not.toBe(open.infoHash)
  using home = TempDir.make("home")
  await using run = Shoal.start([
    ...[command, secret.file, open.file, "--json", "--bind", "127.0.0.1", "--port", "0"],
    ...(command === "download" ? ["--out", join(home.path, "out")] : ["--data", secret.dataDir]),
    ...["--dht-bootstrap", dht.address],
  ], { home: home.path, runtime, env: { ...Shoal.WITH_DHT, ...Shoal.WITH_LSD } })
  const of = (torrent: Torrents.TestTorrent) => ({
    dht: dht.stats.torrents.filter(({ infoHash }) => infoHash === torrent.infoHash).map(({ method }) =>
      method
    ),
    local: local.heard().includes(torrent.infoHash),
    peer: peer.heard.find(({ extensions, infoHash }) =>
      infoHash === torrent.infoHash && extensions !== undefined
    ),
  })
  await Process.until("the public torrent is heard of everywhere, and the private one by its peer", () => {
    const known = of(open)
    return known.dht.includes("announce_peer") && known.local && known.peer !== undefined &&
      known.peer.ports.length > 0 &&
      of(secret).peer !== undefined
  }).catch((error: Error) => {
    throw new Error(`${error.message}: ${JSON.stringify([of(open), of(secret)])}\n${run.log()}`)
  })
  expect((await Swarm.interrupt(run)).code, run.log()).toBe(130)
  expect(of(open)).toMatchObject({ local: true, peer: { dhtBit: true } })
  expect(of(open).dht).toContain("get_peers")
  expect(of(open).peer?.extensions).toContain("ut_pex")

  expect(of(secret)).toMatchObject({ dht: [], local: false, peer: { dhtBit: false, ports: [] } })
  expect(of(secret).peer?.extensions).not.toContain("ut_pex")
  const announced = tracker.announces.filter(({ infoHash }) => infoHash === secret.infoHash)
  expect(announced.map(({ event }) => event)).toEqual(["started", "stopped"])
})
