/** Bytes off the wire, recorded or made by a fuzzer: streams of peers, tracker replies, DHT and local announces. */
import * as Address from "../../core/base/Address.ts"
import * as Bytes from "../../core/base/Bytes.ts"
import * as Client from "../../core/client/Client.ts"
import * as Krpc from "../../core/dht/Krpc.ts"
import * as LsdMessage from "../../core/lsd/Message.ts"
import * as Create from "../../core/metainfo/Create.ts"
import * as Parse from "../../core/metainfo/Parse.ts"
import * as Bitfield from "../../core/torrent/Bitfield.ts"
import * as State from "../../core/torrent/State.ts"
import * as Announce from "../../core/tracker/Announce.ts"
import * as Http from "../../core/tracker/Http.ts"
import * as Udp from "../../core/tracker/Udp.ts"
import * as Decoder from "../../core/wire/Decoder.ts"
import * as Extended from "../../core/wire/Extended.ts"
import type * as Message from "../../core/wire/Message.ts"
import { accepted, type Case, type Outcome, same, type Section } from "./Check.ts"
import * as Folder from "./Folder.ts"

/** As of a torrent of some thousand pieces. */
const MAX_MESSAGE_BYTES = 256 * 1024

/** A stream as messages, a block's fragments joined to one, so that the cuts of the reads don't show. */
const decode = (chunks: ReadonlyArray<Bytes.Bytes>): ReadonlyArray<string> => {
  const decoder = Decoder.make({ maxMessageBytes: MAX_MESSAGE_BYTES })
  const told: Array<string> = []
  for (const chunk of chunks) {
    for (const item of Decoder.decode(decoder, chunk)) told.push(...tell(item))
  }
  return told
}

const tell = (item: Message.Item): ReadonlyArray<string> => {
  switch (item._tag) {
    case "Fragment":
      // Once, by its end.
      return item.offset + item.bytes.length === item.length
        ? [`Block ${item.piece} ${item.begin} ${item.length}`]
        : []
    case "Handshake":
      return [`Handshake ${Bytes.toHex(item.infoHash)} ${Bytes.toHex(item.peerId)}`]
    case "Violation":
      return [`Violation ${item.reason}`]
    default:
      return [JSON.stringify(item)]
  }
}

/** The same however it is cut: in pieces of 1, 7 and 1,000 bytes. */
const cutAlike = (stream: Bytes.Bytes, whole: ReadonlyArray<string>): ReadonlyArray<string> =>
  [1, 7, 1_000].flatMap((size) => {
    const chunks: Array<Bytes.Bytes> = []
    for (let at = 0; at < stream.length; at += size) chunks.push(stream.slice(at, at + size))
    return same(`messages in reads of ${size}`, decode(chunks), whole)
  })

const INFO = Create.encodeInfo(
  { name: "x", isDirectory: false, files: [{ path: "x", bytes: 1_000_000 }] },
  { pieceBytes: 32_768, pieceHashes: new Uint8Array(20 * 31) },
  { isPrivate: false },
)

/** A whole client takes a connection that says this, ends the step, and another peer is served all the same. */
const serve = (stream: Bytes.Bytes): ReadonlyArray<string> => {
  const parsed = Parse.parseInfo(INFO)
  if (!parsed.ok) return [parsed.error.message]
  const metainfo = parsed.value
  let client = Client.make({
    peerId: Bytes.latin1("-SH0000-cccccccccccc"),
    port: 1,
    key: 1,
    clientName: "test",
  }, 0)
  const input = (input: Parameters<typeof Client.step>[1]) => {
    const [next, commands] = Client.step(client, input)
    client = next
    return commands
  }
  const meet = (conn: number, host: string, bytes: Bytes.Bytes) => {
    input({ _tag: "ConnAccepted", now: 1, conn, address: { host, port: 2_000 } })
    return input({ _tag: "ConnRead", now: 1, conn, bytes })
  }
  const have = Bitfield.make(metainfo.geometry.pieceCount)
  input({ _tag: "Add", now: 0, torrent: 1, metainfo, options: { ...State.defaults, have, seed: 1 } })
  const own = stream.slice()
  // Its handshake is for whichever torrent this client has.
  if (own[0] === 19) own.set(metainfo.infoHashBytes, 28)
  meet(-1, "80.1.1.1", own)
  Client.nextWake(client)
  const hello = Bytes.concat([
    Bytes.latin1("\x13BitTorrent protocol\0\0\0\0\0\0\0\0"),
    metainfo.infoHashBytes,
    Bytes.latin1("-XX0000-bbbbbbbbbbbb"),
  ])
  const answers = meet(-2, "80.2.2.2", hello).filter((command) =>
    command._tag === "Send" && command.conn === -2
  )
  return answers.length > 0 ? [] : ["another peer got no answer"]
}

const HEAD = Bytes.latin1("\x13BitTorrent protocol")

/** Those of libtorrent's fuzzer begin with the reserved bytes of a handshake, and go on after it. */
const seed = (bytes: Bytes.Bytes): Outcome => {
  const stream = Bytes.concat([
    HEAD,
    bytes.subarray(0, 8),
    new Uint8Array(20).fill(1),
    new Uint8Array(20).fill(2),
    bytes.subarray(8),
  ])
  const whole = decode([stream])
  const isBroken = whole.some((text) => text.startsWith("Violation"))
  return {
    verdict: isBroken ? "rejected" : "accepted",
    problems: [...cutAlike(stream, whole), ...serve(stream)],
  }
}

// deno-lint-ignore no-control-regex
const UNPRINTABLE = /[\x00-\x1f\x7f-\x9f\u202a-\u202e]/

/** Whatever a tracker says, what is read of it is within bounds and can be shown. */
const insane = (body: Bytes.Bytes): ReadonlyArray<string> => {
  const result = Http.decodeAnnounce(body)
  if (!result.ok) return UNPRINTABLE.test(result.error.message) ? ["a failure that cannot be shown"] : []
  const { intervalMs, minIntervalMs = 0, peers, warning = "" } = result.value
  const isWithin = intervalMs >= Announce.MIN_INTERVAL_MS && intervalMs <= Announce.MAX_INTERVAL_MS
  return [
    ...(isWithin && minIntervalMs <= intervalMs ? [] : [`an interval of ${intervalMs} ms`]),
    ...(UNPRINTABLE.test(warning) ? ["a warning that cannot be shown"] : []),
    ...peers.flatMap((peer) => same("peer", Address.parse(Address.format(peer)), peer)),
  ]
}

/** They were written as if they were text: read as text they are the replies that were meant, and those are read. */
const reply = (bytes: Bytes.Bytes): Outcome => {
  const text = Bytes.toUtf8(bytes)
  const meant = Bytes.latin1(text)
  // A refusal says nothing of the other members.
  const pardoned = Bytes.latin1(text.replace("failure reason", "failure season"))
  const cuts = [1, 50, bytes.length - 1].map((length) => bytes.subarray(0, length))
  const problems = [bytes, meant, pardoned, ...cuts].flatMap(insane)
  const read = Http.decodeAnnounce(meant)
  return {
    verdict: read.ok ? "accepted" : "rejected",
    problems: [
      ...problems,
      ...(read.ok ? [] : same("refused as", read.error.reason, "Refused")),
      ...same("read without its refusal", Http.decodeAnnounce(pardoned).ok, true),
    ],
  }
}

/** Handshakes as Wireshark has them: info-hashes by peer id. */
const tshark = (): ReadonlyMap<string, string> =>
  new Map(
    Folder.table("pcap", "BT_TSHARK.tsv")
      .filter((row) => row["bittorrent.peer_id"] !== "")
      .map((row) => [row["bittorrent.peer_id"]!, row["bittorrent.info_hash"]!]),
  )

/** What tshark writes where the recording has a hole, and no peer ever sent. */
const HOLE = /\[\d+ bytes missing in capture file\]/

const stream = (name: string): Outcome => {
  const bytes = Folder.read("pcap", "streams", name)
  const whole = decode([bytes])
  const common = [...cutAlike(bytes, whole), ...serve(bytes)]
  if (!Bytes.equals(bytes.subarray(0, HEAD.length), HEAD)) {
    // HTTP, or the middle of a connection whose beginning was not recorded.
    const isClosed = whole[0]?.startsWith("Violation")
    return { verdict: "rejected", problems: [...common, ...same("is closed", isClosed, true)] }
  }
  const hole = Bytes.toLatin1(bytes).search(HOLE)
  const isViolation = (text: string): boolean => text.startsWith("Violation")
  const [, infoHash, peerId] = whole[0]!.split(" ")
  return {
    verdict: whole.some(isViolation) ? "rejected" : "accepted",
    problems: [
      ...common,
      ...(hole < 0 ? whole : decode([bytes.subarray(0, hole)])).filter(isViolation),
      ...same("info-hash by Wireshark", tshark().get(peerId!), infoHash),
    ],
  }
}

/** The payloads of UDP packets in a little-endian `.pcap` of Ethernet and IPv4. */
const udp = (...file: ReadonlyArray<string>): ReadonlyArray<Bytes.Bytes> => {
  const pcap = Folder.read(...file)
  const view = new DataView(pcap.buffer, pcap.byteOffset, pcap.byteLength)
  const found: Array<Bytes.Bytes> = []
  for (let at = 24; at + 16 <= pcap.length;) {
    const length = view.getUint32(at + 8, true)
    const ip = at + 16 + 14
    found.push(pcap.slice(ip + (pcap[ip]! & 15) * 4 + 8, at + 16 + length))
    at += 16 + length
  }
  return found
}

const SURICATA: ReadonlyArray<string> = [
  ...["Ping", "Response", "Ping", "ErrorMessage", "FindNode", "Response", "GetPeers", "Response"],
  ...["GetPeers", "Response", "AnnouncePeer", "Response", "AnnouncePeer", "Response"],
  ...["it has no transaction id", "ErrorMessage"],
]

const krpc = (hex: string, expected: string): Outcome => {
  const decoded = Krpc.decode(Bytes.fromHex(hex)!)
  const kind = !decoded.ok
    ? decoded.error.reason
    : decoded.value._tag === "Query"
    ? decoded.value.request._tag
    : decoded.value._tag
  return { verdict: decoded.ok ? "accepted" : "rejected", problems: same("kind", kind, expected) }
}

const recorded = (name: string): Outcome => {
  const packet = Folder.read("rqbit", "crates", "dht", "resources", "test_requests", name)
  const decoded = Krpc.decode(packet)
  if (!decoded.ok) return { verdict: "rejected", problems: [decoded.error.reason] }
  return accepted(() => [
    ...same("kind", decoded.value._tag, name.includes("request") ? "Query" : "Response"),
    ...same("written again", Bytes.toHex(Krpc.encode(decoded.value)), Bytes.toHex(packet)),
  ])
}

/** Packets of one conversation over UDP: those of uTP are none of the DHT's, the others are. */
const utp = (row: Readonly<Record<string, string>>): Outcome => {
  const packet = Bytes.fromHex(row["udp.payload"]!)!
  // Wireshark has not told all of uTP's from the others; bencoded dictionaries begin with a d.
  const isUtp = packet[0] !== 0x64
  const decoded = Krpc.decode(packet)
  return {
    verdict: decoded.ok ? "accepted" : "rejected",
    problems: same("is of the DHT", decoded.ok, !isUtp),
  }
}

const closes = (...parts: ReadonlyArray<string>): Outcome => {
  const bytes = Bytes.concat(parts.map((part) => Folder.read("mse", part)))
  return {
    verdict: "rejected",
    problems: [...same("closed", decode([bytes])[0]?.startsWith("Violation"), true), ...serve(bytes)],
  }
}

const RQBIT = ["rqbit", "crates", "librqbit", "resources", "test"]

const rqbit = (): ReadonlyArray<Case> => [
  ...Folder.names(["rqbit", "crates", "dht", "resources", "test_requests"], ".bin").map((name) => ({
    name,
    run: () => recorded(name),
  })),
  {
    name: "extended-handshake.bin",
    run: () => {
      const decoded = Extended.decodeHandshake(Folder.read(...RQBIT, "extended-handshake.bin").subarray(6))
      return decoded.ok
        ? accepted(() => same("metadata size", decoded.value.metadataSize, 138_876))
        : { verdict: "rejected", problems: [decoded.error._tag] }
    },
  },
  {
    name: "udp-tracker-announce-response.bin",
    run: () => {
      const packet = Folder.read(...RQBIT, "udp-tracker-announce-response.bin")
      const decoded = Udp.decodeReply(packet)
      if (!decoded.ok || decoded.value._tag !== "Announced") {
        return { verdict: "rejected", problems: ["refused"] }
      }
      const { intervalSeconds, leechers, peers, seeders, transactionId } = decoded.value
      const addresses = Announce.compactPeers(peers, 4)
      const told = [transactionId, intervalSeconds, leechers, seeders, addresses.length]
      const again = Udp.encodeAnnounced(transactionId, decoded.value)
      return accepted(() => [
        ...same("numbers", told, [0xe594dd14, 1_652, 257, 3_341, 200]),
        ...same("first peer", addresses[0], { host: "46.0.63.105", port: 6_881 }),
        ...same("written again", Bytes.toHex(again), Bytes.toHex(packet)),
        ...cutOff(packet),
      ])
    },
  },
]

/** A reply that is cut off loses its last peers only, and with the beginning itself. */
const cutOff = (packet: Bytes.Bytes): ReadonlyArray<string> =>
  Array.from(packet, (_, length) => {
    const reply = Udp.decodeReply(packet.subarray(0, length))
    const told = !reply.ok
      ? reply.error
      : reply.value._tag === "Announced"
      ? Announce.compactPeers(reply.value.peers, 4).length
      : reply.value._tag
    const expected = length < 8 ? "TooShort" : length < 20 ? "CutOff" : Math.floor((length - 20) / 6)
    return same(`its first ${length} bytes`, told, expected)
  }).flat()

const archive = ["libtorrent", "fuzz-seeds.tar.gz"]

const seeds = (folder: string, check: (bytes: Bytes.Bytes) => Outcome): ReadonlyArray<Case> =>
  Folder.archived(archive, `./${folder}/`).map(({ name, bytes }) => ({ name, run: () => check(bytes) }))

export const sections: ReadonlyArray<Section> = [
  {
    title: "libtorrent: a fuzzer's peers",
    needs: [archive],
    minimum: 2_107,
    cases: () => seeds("peer_conn", seed),
  },
  {
    title: "libtorrent: a fuzzer's tracker replies",
    needs: [archive],
    minimum: 1_000,
    cases: () => seeds("http_tracker", reply),
  },
  {
    title: "pcap: streams of peers",
    needs: [["pcap", "streams"]],
    minimum: 46,
    cases: () => Folder.names(["pcap", "streams"], ".bin").map((name) => ({ name, run: () => stream(name) })),
  },
  {
    title: "pcap: DHT packets, as Suricata reads them",
    needs: [["pcap", "DHT_SURICATA.tsv"]],
    minimum: 16,
    cases: () =>
      Folder.table("pcap", "DHT_SURICATA.tsv").map((row, i) => ({
        name: `packet ${i + 1}`,
        run: () => krpc(row["udp.payload"]!, SURICATA[i] ?? ""),
      })),
  },
  {
    title: "pcap: local announces (BEP 14)",
    needs: [["pcap", "ndpi"]],
    minimum: 2,
    cases: () =>
      udp("pcap", "ndpi", "tests", "cfgs", "default", "pcap", "bt_search.pcap").map((packet, i) => ({
        name: `packet ${i + 1}`,
        run: () => accepted(() => same("info-hashes", LsdMessage.decode(packet)?.infoHashes.length, 1)),
      })),
  },
  {
    title: "pcap: uTP",
    needs: [["pcap", "UTP_TSHARK.tsv"]],
    minimum: 81,
    cases: () =>
      Folder.table("pcap", "UTP_TSHARK.tsv")
        .map((row) => ({ name: `frame ${row["frame.number"]}`, run: () => utp(row) })),
    note: "uTP is not spoken: its packets are dropped where the DHT listens",
  },
  {
    title: "mse: encrypted handshakes",
    needs: [["mse"]],
    minimum: 2,
    cases: () => [
      { name: "incoming", run: () => closes("incoming_Ya.bin", "incoming_rest.bin") },
      { name: "outgoing", run: () => closes("outgoing_Yb.bin", "outgoing_rest.bin") },
    ],
    note: "MSE is not spoken: such a connection is closed at its first bytes",
  },
  { title: "rqbit: recorded packets", needs: [["rqbit"]], minimum: 8, cases: rqbit },
]
