/** Replies of trackers, URLs of trackers, and what a tracker is sent. */
import * as Bytes from "../../../core/base/Bytes.ts"
import * as Digest from "../../../core/base/Digest.ts"
import * as Decode from "../../../core/bencode/Decode.ts"
import * as Access from "../../../core/tracker/Access.ts"
import * as Announce from "../../../core/tracker/Announce.ts"
import * as ConnectionId from "../../../core/tracker/ConnectionId.ts"
import * as Destination from "../../../core/tracker/Destination.ts"
import * as Http from "../../../core/tracker/Http.ts"
import * as Scrape from "../../../core/tracker/Scrape.ts"
import * as Server from "../../../core/tracker/Server.ts"
import * as ServerHttp from "../../../core/tracker/ServerHttp.ts"
import * as ServerHttpReply from "../../../core/tracker/ServerHttpReply.ts"
import * as ServerSnapshot from "../../../core/tracker/ServerSnapshot.ts"
import * as ServerUdp from "../../../core/tracker/ServerUdp.ts"
import * as Udp from "../../../core/tracker/Udp.ts"
import * as Url from "../../../core/tracker/Url.ts"
import * as BencodeGrammar from "../grammar/Bencode.ts"
import * as Records from "../grammar/Records.ts"
import * as TextGrammar from "../grammar/Text.ts"
import * as Seeds from "../Seeds.ts"
import * as Tape from "../Tape.ts"
import * as UdpScene from "../../core/tracker/UdpScene.ts"
import { claim, type Target } from "../Target.ts"

const HASH = Bytes.latin1("aaaaaaaaaabbbbbbbbbb")
const PEER = Bytes.latin1("-SH0100-cccccccccccc")
const HTTP_URL = /^https?:\/\/[^/\s\p{Cc}]+\/[!-~]*$/iu
const PRINTABLE = /^[^\p{Cc}]*$/u

const request: Announce.AnnounceRequest = { ...UdpScene.request, infoHash: HASH, peerId: PEER }

const checkResponse = (response: Announce.AnnounceResponse): void => {
  const { intervalMs, minIntervalMs = 0, peers, trackerId = "", warning = "" } = response
  claim(
    intervalMs >= Announce.MIN_INTERVAL_MS && intervalMs <= Announce.MAX_INTERVAL_MS,
    "an interval is clamped",
  )
  claim(minIntervalMs <= intervalMs, "the least interval is no longer")
  claim(peers.length <= Announce.MAX_PEERS, "peers have an end")
  claim(peers.every(({ host, port }) => port >= 1 && port <= 65_535 && host !== ""), "each can be dialled")
  claim(
    PRINTABLE.test(warning) && Array.from(warning).length <= Announce.MAX_MESSAGE_LENGTH,
    "a warning can be printed",
  )
  claim(trackerId.length <= Http.MAX_TRACKER_ID_BYTES, "a tracker id has an end")
}

const checkFailure = ({ message, retryInMs }: Announce.TrackerFailure): void => {
  claim(
    message.length > 0 && message.length <= 2 * Announce.MAX_MESSAGE_LENGTH,
    "a refusal has words, not too many",
  )
  claim(PRINTABLE.test(message), "that can be printed")
  claim(retryInMs === undefined || retryInMs === "never" || retryInMs > 0, "another try is later")
}

const runReply = (input: Bytes.Bytes): void => {
  const announced = Http.decodeAnnounce(input)
  if (announced.ok) checkResponse(announced.value)
  else checkFailure(announced.error)
  const hashes = [HASH, PEER]
  const scraped = Scrape.decodeScrape(input, hashes)
  if (!scraped.ok) return checkFailure(scraped.error)
  claim(scraped.value.length === hashes.length, "an entry for each")
  for (const entry of scraped.value) {
    if (entry === undefined) continue
    claim(entry.seeders >= 0 && entry.leechers >= 0 && entry.downloads >= 0, "no figure is negative")
  }
}

const runUdpReply = (input: Bytes.Bytes): void => {
  const reply = Udp.decodeReply(input)
  if (!reply.ok) return
  const { value } = reply
  if (value._tag === "Connected") {
    claim(value.connectionId.length === 8, "a connection id has 8 bytes")
    claim(
      Bytes.equals(Udp.encodeConnected(value.transactionId, value.connectionId), input.subarray(0, 16)),
      "round trip",
    )
  } else if (value._tag === "Announced") {
    claim(Bytes.equals(Udp.encodeAnnounced(value.transactionId, value), input), "it survives a round trip")
  } else if (value._tag === "Scraped") {
    claim(value.entries.length === Math.floor((input.length - 8) / 12), "only whole entries")
  } else if (value._tag === "Refused") {
    claim(PRINTABLE.test(Announce.printable(value.message)), "it can be printed")
  }
}

/** Whatever a torrent says its tracker is. */
const runUrl = (input: Bytes.Bytes): void => {
  const url = Bytes.toUtf8(input)
  const shown = Url.redact(url)
  claim(PRINTABLE.test(shown), "what is shown can be printed")
  const announce = Http.announceUrl(url, { ...request, trackerId: "a b" })
  if (announce.ok) {
    // A host's name may be of any script: whoever looks it up writes it in ASCII.
    claim(HTTP_URL.test(announce.value), `${JSON.stringify(announce.value)} is ASCII and HTTP`)
    const query = announce.value.slice(announce.value.indexOf("?") + 1).split("&")
    claim(
      query.filter((pair) => pair.toLowerCase().startsWith("info_hash=")).length === 1,
      "the info-hash is ours",
    )
    const parts = Url.split(url)
    claim(parts !== undefined, "what is announced to can be split")
    const secret = /:([^@/]{6,})@/.exec(parts.authority)?.[1]
    const rest = parts.authority.slice(parts.authority.lastIndexOf("@") + 1) + parts.path + parts.query
    if (secret !== undefined && !rest.includes(secret)) {
      claim(!shown.includes(secret), "a password isn't shown")
    }
  } else checkFailure(announce.error)
  const scrape = Scrape.scrapeUrl(url, [HASH])
  if (scrape.ok) claim(HTTP_URL.test(scrape.value), "a scrape's URL is ASCII and HTTP")
  const udp = Url.udpTracker(url)
  if (udp.ok) {
    claim(udp.value.address.port >= 1 && udp.value.address.port <= 65_535, "a UDP tracker has a port")
    claim(udp.value.urlData.length <= Url.MAX_URL_DATA_BYTES, "its path has an end")
  }
  Destination.reach(url.slice(0, 300))
}

const server = (): Server.Server => {
  const made = Server.make({
    now: 0,
    seed: 1,
    secret: new Uint8Array(16),
    limits: { maxPeersPerSwarm: 5, maxSwarms: 8 },
  })
  for (let i = 0; i < 3; i++) {
    const query = {
      infoHash: HASH,
      peerId: PEER,
      ip: Uint8Array.of(80, 1, 1, i),
      port: 1_000 + i,
      leftBytes: i,
      event: undefined,
      numWant: 0,
    }
    Server.announce(made, 0, query, false)
  }
  return made
}

const ACCESS: ReadonlyArray<Access.Access> = [
  Access.OPEN,
  { allowed: undefined, denied: new Set([Bytes.toHex(HASH)]), keys: new Set(["key"]) },
]
const V4 = Uint8Array.of(80, 1, 2, 3)
const V6 = Bytes.fromHex("20010db8000000000000000000000001")!

/** First byte: who asks, and of what tracker. */
const runServerHttp = (input: Bytes.Bytes): void => {
  const kind = input[0] ?? 0
  const target = Bytes.toLatin1(input.subarray(1))
  const options = { access: ACCESS[kind & 1]!, trustsIp: (kind & 2) !== 0 }
  const asked = ServerHttp.parse(target, (kind & 4) === 0 ? V4 : V6, options)
  if (asked === undefined) return
  if (!asked.ok) {
    claim(PRINTABLE.test(asked.error) && asked.error.length > 0, "a refusal has words")
    claim(Decode.decode(ServerHttpReply.failed(asked.error)).ok, "and can be sent")
    return
  }
  const tracker = server()
  if (asked.value._tag === "Scrape") {
    const { infoHashes } = asked.value
    claim(infoHashes.length <= ServerHttp.MAX_SCRAPE_HASHES, "a scrape has an end")
    const reply = ServerHttpReply.scraped(infoHashes, Server.scrape(tracker, infoHashes))
    claim(
      Decode.decode(reply).ok || new Set(infoHashes.map(Bytes.toHex)).size < infoHashes.length,
      "a reply is bencode",
    )
    return
  }
  const { query } = asked.value
  claim(query.numWant >= 0 && query.numWant <= 200, "peers wanted have an end")
  claim(query.infoHash.length === 20 && query.peerId.length === 20, "hash and id have 20 bytes")
  const result = Server.announce(tracker, 1_000, query, asked.value.withPeerIds)
  const reply = result.ok
    ? ServerHttpReply.announced(asked.value, result.value)
    : ServerHttpReply.failed(result.error)
  const read = Http.decodeAnnounce(reply)
  claim(read.ok === result.ok, "a client understands the reply")
  if (read.ok) {
    checkResponse(read.value)
    const own = `${query.ip.join(".")}:${query.port}`
    claim(!read.value.peers.some(({ host, port }) => `${host}:${port}` === own), "nobody hears of itself")
  }
}

const KEY = new Uint8Array(16).fill(9)

/** First byte: from where, and whether the connection id is put right first. */
const runServerUdp = (input: Bytes.Bytes): void => {
  const kind = input[0] ?? 0
  const packet = input.slice(1)
  const ip = (kind & 1) === 0 ? V4 : V6
  const isConnected = (kind & 2) !== 0 && packet.length >= 16
  if (isConnected) packet.set(ConnectionId.make(KEY, 5_000, ip))
  const options = { key: KEY, access: ACCESS[(kind >> 2) & 1]!, trustsIp: (kind & 8) !== 0 }
  const tracker = server()
  const before = Server.stats(tracker)
  const reply = ServerUdp.handle(options, tracker, 5_000, packet, ip)
  if (!isConnected) {
    // Who has not shown where it is gets no more than it sent, and leaves nothing.
    claim(reply === undefined || reply.length <= packet.length, "no amplification")
    const after = Server.stats(tracker)
    claim(
      after.announces === before.announces && after.scrapes === before.scrapes,
      "and nothing is looked up",
    )
  }
  if (reply === undefined) return
  claim(reply.length <= ServerUdp.MAX_REPLY_BYTES, "a reply fits every network")
  const read = Udp.decodeReply(reply)
  claim(read.ok && read.value._tag !== "CutOff", "a client understands it")
  claim(read.value.transactionId === new DataView(packet.buffer).getUint32(12), "it names the question")
}

const runSnapshot = (input: Bytes.Bytes): void => {
  const tracker = server()
  const before = Server.stats(tracker)
  const count = ServerSnapshot.restore(tracker, 10_000, input)
  const after = Server.stats(tracker)
  claim(
    count >= 0 && after.peers4 + after.peers6 === before.peers4 + before.peers6 + count,
    "peers are counted",
  )
  claim(after.swarms <= 8, "limits hold")
  const saved = ServerSnapshot.snapshot(tracker, 10_000)
  const again = Server.make({ now: 0, seed: 1, secret: new Uint8Array(16) })
  claim(ServerSnapshot.restore(again, 10_000, saved) === after.peers4 + after.peers6, "all of them survive")
  const twice = ServerSnapshot.snapshot(again, 10_000)
  claim(Digest.digest(twice) === Digest.digest(saved), "a snapshot of a snapshot is the same")
}

/** A tracker that has more than {@link server} takes. */
const crowded = (): Bytes.Bytes => {
  const made = Server.make({ now: 0, seed: 1, secret: new Uint8Array(16) })
  for (let i = 0; i < 30; i++) {
    const infoHash = new Uint8Array(20).fill(i % 12)
    const ip = i % 3 === 0 ? new Uint8Array(16).fill(i + 1) : Uint8Array.of(80, 1, 3, i)
    const query = { infoHash, peerId: PEER, ip, port: 1_000, leftBytes: i % 2, event: undefined, numWant: 0 }
    Server.announce(made, i * 1_000, query, false)
  }
  return ServerSnapshot.snapshot(made, 30_000)
}

/** Lists of info-hashes and keys that an operator keeps. */
const runLists = (input: Bytes.Bytes): void => {
  const text = Bytes.toUtf8(input)
  const hashes = Access.parseInfoHashes(text)
  if (hashes.ok) { for (const hash of hashes.value) claim(/^[0-9a-f]{40}$/.test(hash), "a hash is one") }
  const keys = Access.parseKeys(text)
  if (keys.ok) {
    for (const key of keys.value) {
      claim(key.length > 0 && key.length <= Access.MAX_KEY_LENGTH, "a key is one")
    }
  }
  ServerHttp.clientIp(V4, text, 1 + (input.length & 3))
}

const TARGETS = [
  `/announce?info_hash=aaaaaaaaaabbbbbbbbbb&peer_id=-SH0100-cccccccccccc&port=6881&left=0&event=started&numwant=10&compact=1`,
  `/key/announce?info_hash=%61aaaaaaaaabbbbbbbbbb&peer_id=-SH0100-cccccccccccc&port=1&compact=0&no_peer_id=1&ip=1.2.3.4`,
  `/scrape?info_hash=aaaaaaaaaabbbbbbbbbb&info_hash=%FF%00aaaaaaaabbbbbbbbbb`,
]

const announcePacket = Bytes.concat([
  Uint8Array.of(2),
  Udp.encodeAnnounce(new Uint8Array(8), 7, request, Bytes.latin1("/key/announce")),
])
const scrapePacket = Bytes.concat([Uint8Array.of(2), Udp.encodeScrape(new Uint8Array(8), 7, [HASH, PEER])])
const connectPacket = Bytes.concat([Uint8Array.of(0), Udp.encodeConnect(7)])

export const targets: ReadonlyArray<Target> = [
  {
    name: "tracker-reply",
    oracle: "intervals clamped, peers bounded and dialable, texts printable",
    covers: [
      "core/tracker/Http.ts",
      "core/tracker/Scrape.ts",
      "core/tracker/Announce.ts",
      "core/base/IpText.ts",
    ],
    seeds: () => [
      ...Seeds.latin1(
        "d8:completei1e10:incompletei2e8:intervali1800e12:min intervali900e5:peers12:\x50\x01\x02\x03\x1a\xe1\x50\x01\x02\x04\x1a\xe16:peers618:" +
          "\x20".repeat(18) + "e",
        "d8:intervali60e5:peersld2:ip7:1.2.3.47:peer id20:aaaaaaaaaabbbbbbbbbb4:porti1eed2:ip3:::14:porti2eeee",
        "d14:failure reason3:bad8:retry in5:nevere",
        "d11:external ip4:\x01\x02\x03\x0410:tracker id1:x15:warning message2:hi8:intervali1ee",
        "d5:filesd20:aaaaaaaaaabbbbbbbbbbd8:completei1e10:downloadedi2e10:incompletei3eeee",
      ),
      ...Seeds.archived("http_tracker", 60, 2_000),
    ],
    mutators: [BencodeGrammar.mutator([
      ...[
        "peers",
        "peers6",
        "interval",
        "min interval",
        "failure reason",
        "retry in",
        "never",
        "warning message",
      ],
      ...[
        "tracker id",
        "external ip",
        "complete",
        "incomplete",
        "downloaded",
        "files",
        "ip",
        "port",
        "peer id",
      ],
    ])],
    run: runReply,
  },
  {
    name: "tracker-udp-reply",
    oracle: "replies survive a round trip, entries are whole, texts printable",
    covers: ["core/tracker/UdpReply.ts", "core/tracker/UdpPacket.ts", "core/tracker/Announce.ts"],
    seeds: () => [
      Udp.encodeConnected(7, new Uint8Array(8)),
      Udp.encodeAnnounced(7, { intervalSeconds: 60, leechers: 1, seeders: 2, peers: new Uint8Array(12) }),
      Udp.encodeScraped(7, [{ seeders: 1, leechers: 2, downloads: 3 }]),
      Udp.encodeRefused(7, "no"),
    ],
    mutators: [],
    run: runUdpReply,
  },
  {
    name: "tracker-url",
    oracle:
      "what is asked is ASCII, HTTP and ours to say; what is shown has no control characters and no password",
    covers: [
      "core/tracker/Url.ts",
      "core/tracker/Http.ts",
      "core/tracker/Scrape.ts",
      "core/tracker/Destination.ts",
      "core/base/Address.ts",
      "core/base/IpText.ts",
    ],
    seeds: () =>
      Seeds.texts(
        "http://user:password1@tracker.example:80/0123456789abcdef0/announce?passkey=abc#f",
        "udp://[::ffff:1.2.3.4]:6969/announce?x=1",
        "https://xn--bcher-kva.example/announce.php?info_hash=x&event=y",
        "http://127.0.0.1/announce",
        "wss://a/",
      ),
    mutators: [
      TextGrammar.mutator(/[:/?&=@.]/, [
        "http",
        "udp",
        "127.0.0.1",
        "0x7f.1",
        "[::1]",
        "info_hash",
        "announce",
        "scrape",
        "%61",
        "2130706433",
      ]),
    ],
    run: runUrl,
  },
  {
    name: "tracker-http",
    oracle: "a client understands every reply; nobody hears of itself; counts clamped; refusals printable",
    covers: [
      "core/tracker/ServerHttp",
      "core/tracker/Access.ts",
      "core/tracker/Server.ts",
      "core/metainfo/Percent.ts",
    ],
    seeds: () =>
      TARGETS.flatMap((target, i) =>
        Seeds.latin1(String.fromCharCode(i) + target, String.fromCharCode(7 - i) + target)
      ),
    mutators: [
      TextGrammar.mutator(/[?&=]/, [
        "info_hash",
        "peer_id",
        "port",
        "left",
        "event",
        "numwant",
        "compact",
        "ip",
        "aaaaaaaaaabbbbbbbbbb",
        "%00",
        "stopped",
        "completed",
      ]),
    ],
    run: runServerHttp,
  },
  {
    name: "tracker-udp",
    oracle:
      "strangers get no more than they sent and leave nothing; a reply fits one packet and names its question",
    covers: [
      "core/tracker/ServerUdp.ts",
      "core/tracker/Udp.ts",
      "core/tracker/UdpReply.ts",
      "core/tracker/UdpPacket.ts",
      "core/tracker/ConnectionId.ts",
      "core/tracker/Access.ts",
      "core/tracker/Server.ts",
    ],
    seeds: () => [
      announcePacket,
      scrapePacket,
      connectPacket,
      Bytes.concat([Uint8Array.of(14), announcePacket.subarray(1)]),
    ],
    mutators: [],
    smokeRuns: 400,
    run: runServerUdp,
  },
  {
    name: "tracker-snapshot",
    oracle: "limits hold, peers are counted, a snapshot of what was restored restores the same",
    covers: [
      "core/tracker/ServerSnapshot.ts",
      "core/tracker/Swarm.ts",
      "core/tracker/Peers.ts",
      "core/tracker/Members.ts",
    ],
    seeds: () => [ServerSnapshot.snapshot(server(), 1_000), crowded()],
    mutators: [],
    smokeRuns: 300,
    run: runSnapshot,
  },
  {
    name: "tracker-lists",
    oracle: "only whole info-hashes and keys get in",
    covers: [
      "core/tracker/Access.ts",
      "core/tracker/ServerHttp.ts",
      "core/base/IpBytes.ts",
      "core/base/IpText.ts",
    ],
    seeds: () =>
      Seeds.texts(
        `# hashes\n${"ab".repeat(20)}\n\n${"AB".repeat(20)} # x\n`,
        "key1\nkey_2\n",
        "1.2.3.4, [::1]:80, 10.0.0.1:5",
      ),
    mutators: [TextGrammar.mutator(/[\n,. :]/, ["cd".repeat(20), "#", "key", "[::1]:1", "1.2.3.4"])],
    run: runLists,
  },
  {
    name: "tracker-server",
    oracle: "counts add up, nobody hears of itself, peers go in time, twins agree",
    covers: [
      "core/tracker/Server.ts",
      "core/tracker/Swarm.ts",
      "core/tracker/Peers.ts",
      "core/tracker/Members.ts",
      "core/tracker/AddressLimit.ts",
      "core/base/Arena.ts",
      "core/base/HashIndex.ts",
      "core/tracker/Draw.ts",
    ],
    seeds: () => Array.from({ length: 8 }, (_, i) => Records.random(i, 0, 5 + 10 * i)),
    mutators: [Records.mutator],
    allocation: { base: 8 * 1024 * 1024, perByte: 4_096 },
    smokeRuns: 200,
    run: (input) => runServer(input),
  },
]

/** Announces, scrapes and the passing of time, as the bytes say, told to two servers of one seed. */
const runServer = (input: Bytes.Bytes): void => {
  const limits = {
    maxPeersPerSwarm: 20,
    maxSwarms: 6,
    maxPeers: 60,
    newPeersPerAddress: 40,
    newSwarmsPerAddress: 5,
    intervalSeconds: 60,
    minIntervalSeconds: 30,
  }
  const make = () => Server.make({ now: 0, seed: 3, secret: new Uint8Array(16), limits })
  const [one, two] = [make(), make()]
  let now = 0
  for (const tape of Records.read(input, 300).records) {
    const kind = Tape.below(tape, 8)
    now += Tape.pick(tape, [0, 1, 1_000, 30_000, 130_000])
    if (kind === 0) {
      const [a, b] = [Server.expire(one, now, 10), Server.expire(two, now, 10)]
      claim(a === b && a <= 10, "a budget is kept, and twins agree")
      if (a < 10) claim(Server.nextWake(one) > now, "the next wake-up lies ahead")
      continue
    }
    const infoHash = new Uint8Array(20).fill(Tape.below(tape, 8))
    if (kind === 1) {
      const [a, b] = [Server.scrape(one, [infoHash]), Server.scrape(two, [infoHash])]
      claim(Digest.digest(a) === Digest.digest(b), "twins agree")
      continue
    }
    const host = Tape.below(tape, 64)
    const ip = kind === 2 ? new Uint8Array(16).fill(host + 1) : Uint8Array.of(80, 0, 0, host)
    const query: Server.AnnounceQuery = {
      infoHash,
      peerId: new Uint8Array(20).fill(host),
      ip,
      port: Tape.pick(tape, [0, 1, 6_881, 65_535, 65_536]),
      leftBytes: Tape.below(tape, 2),
      event: Tape.pick(tape, [undefined, "started", "completed", "stopped"]),
      numWant: Tape.pick(tape, [0, 1, 5, 50, 200, 1_000, -1]),
    }
    const withIds = Tape.flag(tape)
    const a = Server.announce(one, now, query, withIds)
    const digest = Digest.digest(a)
    if (a.ok) {
      const size = ip.length + 2
      const { peerIds, peers } = a.value
      claim(
        peers.length % size === 0 && peers.length / size <= Math.max(0, query.numWant),
        "as many as wanted, or fewer",
      )
      claim(
        !withIds || query.event === "stopped" || peerIds?.length === peers.length / size,
        "an id for each",
      )
      const told = new Set<string>()
      for (let at = 0; at < peers.length; at += size) {
        const peer = peers.subarray(at, at + size)
        claim(!told.has(Bytes.toHex(peer)), "each is told once")
        told.add(Bytes.toHex(peer))
        const port = peer[size - 2]! * 256 + peer[size - 1]!
        claim(!Bytes.equals(peer.subarray(0, ip.length), ip) || port !== query.port, "nobody hears of itself")
      }
    }
    claim(Digest.digest(Server.announce(two, now, query, withIds)) === digest, "twins agree")
  }
  const stats = Server.stats(one)
  claim(stats.peers4 + stats.peers6 === stats.seeders + stats.leechers, "peers add up")
  claim(stats.peers4 + stats.peers6 <= limits.maxPeers && stats.swarms <= limits.maxSwarms, "limits hold")
  Server.expire(one, now + 200_000, 1_000)
  claim(Server.stats(one).swarms === 0 && Server.nextWake(one) === Infinity, "who is silent goes")
}
