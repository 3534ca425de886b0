/** The client's side of UDP trackers, and the local network's discovery, as machines. */
import type { Address } from "../../../core/base/Address.ts"
import * as Bytes from "../../../core/base/Bytes.ts"
import * as Digest from "../../../core/base/Digest.ts"
import { NEVER } from "../../../core/base/Time.ts"
import * as Discovery from "../../../core/lsd/Discovery.ts"
import * as Lsd from "../../../core/lsd/Message.ts"
import type { InfoHash } from "../../../core/metainfo/Metainfo.ts"
import * as Udp from "../../../core/tracker/Udp.ts"
import * as UdpClient from "../../../core/tracker/UdpClient.ts"
import * as Records from "../grammar/Records.ts"
import * as Tape from "../Tape.ts"
import { claim, type Target } from "../Target.ts"

const HASH = new Uint8Array(20)
const LIMIT_MS = 100_000
const TRACKERS: ReadonlyArray<Address> = [{ host: "80.1.1.1", port: 1 }, { host: "80.1.1.2", port: 2 }, {
  host: "::1",
  port: 3,
}]

const runUdpClient = (input: Bytes.Bytes): void => {
  let client = UdpClient.make()
  let now = 0
  let lastAsk = 0
  const waiting = new Set<number>()
  const sent: Array<{ readonly to: Address; readonly packet: Bytes.Bytes }> = []
  const step = (what: UdpClient.Input): void => {
    const before = client
    const [next, commands] = UdpClient.step(client, what)
    claim(Digest.digest(UdpClient.step(before, what)[1]) === Digest.digest(commands), "a state stays valid")
    client = next
    for (const command of commands) {
      if (command._tag === "Send") {
        sent.push(command)
        claim(Udp.decodeRequest(command.packet).ok, "what we send can be read")
      } else {
        claim(waiting.delete(command.ask), "each ask is answered once")
      }
    }
    claim(client.asks.size === waiting.size, "nothing else is kept")
    claim(client.links.size <= TRACKERS.length, "a link for each address")
  }
  const wait = (ms: number): void => {
    const until = now + ms
    for (let wake = UdpClient.nextWake(client); wake <= until; wake = UdpClient.nextWake(client)) {
      now = Math.max(now, wake)
      step({ _tag: "Tick", now })
      claim(UdpClient.nextWake(client) > now, "time goes on")
    }
    if (until !== NEVER) now = until
  }
  for (const tape of Records.read(input, 300).records) {
    switch (Tape.below(tape, 8)) {
      case 0:
      case 1: {
        const question: UdpClient.Question = Tape.flag(tape) ? { _tag: "Scrape", infoHashes: [HASH] } : {
          _tag: "Announce",
          urlData: Tape.chunk(tape, 20),
          request: {
            infoHash: HASH,
            peerId: HASH,
            port: 1,
            uploadedBytes: 0,
            downloadedBytes: 0,
            leftBytes: 0,
            event: undefined,
            numWant: 5,
            key: 1,
          },
        }
        waiting.add(++lastAsk)
        step({
          _tag: "Ask",
          now,
          ask: lastAsk,
          to: Tape.pick(tape, TRACKERS),
          question,
          transactionId: 1_000 + lastAsk,
          limitMs: LIMIT_MS,
        })
        break
      }
      case 2: {
        const ask = 1 + Tape.below(tape, 8)
        waiting.delete(ask)
        step({ _tag: "Cancel", now, ask })
        break
      }
      case 3:
        step({ _tag: "Received", now, from: Tape.pick(tape, TRACKERS), packet: Tape.chunk(tape, 40) })
        break
      case 4:
        step({ _tag: "Unsent", now, to: Tape.pick(tape, TRACKERS), reason: "unreachable" })
        break
      case 5:
        wait(Tape.pick(tape, [0, 1_000, 15_000, 60_000]))
        break
      default: {
        const last = sent[sent.length - 1 - Tape.below(tape, Math.max(1, Math.min(8, sent.length)))]
        const asked = last && Udp.decodeRequest(last.packet)
        if (last === undefined || asked?.ok !== true) break
        const { transactionId } = asked.value
        const packet = Tape.below(tape, 4) === 3
          ? Udp.encodeRefused(transactionId, "no")
          : asked.value._tag === "Connect"
          ? Udp.encodeConnected(transactionId, Tape.exactly(tape, 8))
          : asked.value._tag === "Scrape"
          ? Udp.encodeScraped(transactionId, [{ seeders: 1, leechers: -1, downloads: 2 }])
          : Udp.encodeAnnounced(transactionId, {
            intervalSeconds: 60,
            leechers: -1,
            seeders: 1,
            peers: Tape.chunk(tape, 40),
          })
        step({
          _tag: "Received",
          now,
          from: Tape.below(tape, 8) === 7 ? Tape.pick(tape, TRACKERS) : last.to,
          packet,
        })
      }
    }
  }
  wait(LIMIT_MS)
  claim(waiting.size === 0, "every ask comes to its end")
}

const hashOf = (n: number): InfoHash => n.toString(16).padStart(40, "0") as InfoHash

const runDiscovery = (input: Bytes.Bytes): void => {
  let discovery = Discovery.make({ seed: 1, port: 6_881, families: ["ipv4", "ipv6"] })
  const added = new Set<InfoHash>()
  let now = 0
  let sentAt = -Infinity
  const step = (what: Discovery.Input): void => {
    const [next, commands] = Discovery.step(discovery, what)
    discovery = next
    for (const command of commands) {
      if (command._tag === "Found") {
        claim(added.has(command.infoHash), "only torrents of ours are found")
        claim(command.address.port > 0, "at a port")
        continue
      }
      claim(now === sentAt || now - sentAt >= Discovery.MIN_INTERVAL_MS, "no more than one announce a minute")
      sentAt = now
      claim(command.bytes.length <= Lsd.MAX_BYTES, "an announce fits a frame")
      const said = Lsd.decode(command.bytes)
      claim(
        said !== undefined && said.infoHashes.every((hash) => added.has(hash)),
        "it names torrents of ours",
      )
    }
    claim(Discovery.nextWake(discovery) > now, "time goes on")
  }
  for (const tape of Records.read(input, 300).records) {
    const infoHash = hashOf(Tape.below(tape, 40))
    switch (Tape.below(tape, 5)) {
      case 0:
        added.add(infoHash)
        step({ _tag: "Add", now, infoHash })
        break
      case 1:
        added.delete(infoHash)
        step({ _tag: "Remove", now, infoHash })
        break
      case 2: {
        const bytes = Lsd.encode("ipv4", {
          port: Tape.pick(tape, [0, 1, 6_881]),
          infoHashes: [infoHash],
          cookie: Tape.flag(tape) ? "x" : undefined,
        })
        if (Tape.flag(tape)) bytes[Tape.below(tape, bytes.length)] = Tape.byte(tape)
        step({ _tag: "Packet", now, from: { host: "10.0.0.1", port: 6_771 }, bytes })
        break
      }
      default:
        now += Tape.pick(tape, [0, 1, 1_000, 60_000, 300_000])
        step({ _tag: "Tick", now })
    }
  }
}

const seeds = (): ReadonlyArray<Bytes.Bytes> => [
  Records.story(0, [0, 0, 0, 0], [6, 0], [6, 0], [5, 2], [1, 1, 1, 1], [3, 0, 20], [5, 3]),
  ...Array.from({ length: 8 }, (_, i) => Records.random(i, i, 5 + 5 * i)),
]

export const targets: ReadonlyArray<Target> = [
  {
    name: "udp-client",
    oracle: "each ask is answered once, whatever comes; states stay valid; time goes on; nothing is left",
    covers: ["core/tracker/UdpClient.ts", "core/tracker/UdpAnswer.ts"],
    seeds,
    mutators: [Records.mutator],
    work: { base: 1_000_000, perByte: 20_000 },
    smokeRuns: 300,
    run: runUdpClient,
  },
  {
    name: "discovery",
    oracle: "only torrents of ours are announced and found, once a minute, in one frame",
    covers: ["core/lsd/"],
    seeds,
    mutators: [Records.mutator],
    smokeRuns: 300,
    run: runDiscovery,
  },
]
