/** Packets and files of the DHT, and announces on the local network. */
import * as Bytes from "../../../core/base/Bytes.ts"
import * as Digest from "../../../core/base/Digest.ts"
import * as Compact from "../../../core/dht/Compact.ts"
import * as Krpc from "../../../core/dht/Krpc.ts"
import * as Limits from "../../../core/dht/Limits.ts"
import * as Saved from "../../../core/dht/Saved.ts"
import * as Lsd from "../../../core/lsd/Message.ts"
import * as BencodeGrammar from "../grammar/Bencode.ts"
import * as TextGrammar from "../grammar/Text.ts"
import * as Seeds from "../Seeds.ts"
import { claim, type Target } from "../Target.ts"

const runKrpc = (input: Bytes.Bytes): void => {
  const decoded = Krpc.decode(input)
  if (!decoded.ok) {
    const { reason, transaction } = decoded.error
    claim(reason.length > 0, "a refusal has words")
    claim((transaction?.length ?? 0) <= Limits.MAX_TRANSACTION_BYTES, "what is echoed has an end")
    return
  }
  const message = decoded.value
  claim(message.transaction.length <= Limits.MAX_TRANSACTION_BYTES, "what is echoed has an end")
  if (message._tag === "Query") claim(message.id.length === 20, "an id has 20 bytes")
  if (message._tag === "Response") {
    claim(message.id.length === 20, "an id has 20 bytes")
    claim(
      (message.nodes?.length ?? 0) % 26 === 0 && (message.nodes6?.length ?? 0) % 38 === 0,
      "nodes are whole",
    )
    for (const peer of message.values ?? []) claim(peer.length === 6 || peer.length === 18, "peers are whole")
    claim((message.token?.length ?? 0) <= Limits.MAX_TOKEN_BYTES, "a token has an end")
    claim((message.value?.length ?? 0) <= Limits.MAX_VALUE_BYTES, "a value has an end")
  }
  if (message._tag === "ErrorMessage") {
    claim(/^[^\p{Cc}]*$/u.test(message.message), "an error can be printed")
  }
  const digest = Digest.digest(message)
  const again = Krpc.decode(Krpc.encode(message).slice())
  claim(again.ok, "what was understood can be said")
  claim(Digest.digest(again.value) === digest, "it survives a round trip")
}

const runSaved = (input: Bytes.Bytes): void => {
  const saved = Saved.decode(input)
  if (saved === undefined) return
  claim(saved.id.length === 20, "an id has 20 bytes")
  claim(saved.nodes.length <= 2 * Saved.MAX_NODES, "nodes have an end")
  for (const { address } of saved.nodes) {
    const compact = Compact.fromAddress(address)
    claim(
      compact !== undefined && Compact.isUsable(compact, 0, Compact.familyOf(compact)),
      "somebody can be there",
    )
  }
  const again = Saved.decode(Saved.encode(saved))
  claim(again !== undefined && Digest.digest(again) === Digest.digest(saved), "it survives a round trip")
}

const runLsd = (input: Bytes.Bytes): void => {
  const said = Lsd.decode(input)
  if (said === undefined) return
  const { cookie, infoHashes, port } = said
  claim(port > 0 && port < 65_536, "a port is one")
  claim(infoHashes.length > 0 && new Set(infoHashes).size === infoHashes.length, "torrents are named once")
  claim(infoHashes.every((hash) => /^[0-9a-f]{40}$/.test(hash)), "by their info-hashes")
  // A cookie that lost its blanks is one that can be said.
  if (infoHashes.length > Lsd.MAX_INFO_HASHES || /[^!-~]/.test(cookie ?? "")) return
  const bytes = Lsd.encode("ipv4", said)
  if (bytes.length > Lsd.MAX_BYTES) return
  claim(Digest.digest(Lsd.decode(bytes)) === Digest.digest(said), "it survives a round trip")
}

const ID = "abcdefghij0123456789"
const NODE = `${ID}\x50\x01\x02\x03\x1a\xe1`

/** Every kind of message. */
export const PACKETS: ReadonlyArray<string> = [
  `d1:ad2:id20:${ID}e1:q4:ping1:t2:aa1:y1:qe`,
  `d1:ad2:id20:${ID}6:target20:${ID}4:wantl2:n42:n6ee1:q9:find_node1:t2:aa1:y1:qe`,
  `d1:ad2:id20:${ID}9:info_hash20:${ID}6:noseedi1e6:scrapei1ee1:q9:get_peers1:t2:aa1:v4:SH011:y1:qe`,
  `d1:ad2:id20:${ID}12:implied_porti1e9:info_hash20:${ID}4:porti6881e4:seedi1e5:token8:abcdefghe1:q13:announce_peer1:t2:aa1:y1:qe`,
  `d1:ad2:id20:${ID}3:seqi1e6:target20:${ID}e1:q3:get1:t2:aa1:y1:qe`,
  `d1:ad3:casi1e2:id20:${ID}1:k32:${ID}${ID.slice(8)}4:salt3:foo3:seqi2e3:sig64:${
    ID.repeat(3)
  }abcd5:token4:abcd1:v5:helloe1:q3:put1:t2:aa1:y1:qe`,
  `d1:ad2:id20:${ID}6:target20:${ID}e1:q17:sample_infohashes2:roi1e1:t2:aa1:y1:qe`,
  `d2:ip6:\x01\x02\x03\x04\x1a\xe11:rd2:id20:${ID}5:nodes52:${NODE}${NODE}e1:t2:aa1:y1:re`,
  `d1:rd2:id20:${ID}5:token4:abcd6:valuesl6:\x50\x01\x02\x03\x1a\xe1ee1:t2:aa1:y1:re`,
  `d1:rd2:id20:${ID}8:intervali60e5:nodes0:3:numi2e7:samples40:${ID}${ID}e1:t2:aa1:y1:re`,
  `d1:rd2:id20:${ID}1:k32:${ID}${ID.slice(8)}3:seqi2e3:sig64:${
    ID.repeat(3)
  }abcd5:token4:abcd1:v5:helloe1:t2:aa1:y1:re`,
  `d1:eli201e5:errore1:t2:aa1:y1:ee`,
]

export const KEYS: ReadonlyArray<string> = [
  ...[
    "a",
    "q",
    "t",
    "y",
    "r",
    "e",
    "v",
    "ip",
    "ro",
    "id",
    "target",
    "want",
    "n4",
    "n6",
    "info_hash",
    "noseed",
  ],
  ...[
    "scrape",
    "port",
    "implied_port",
    "seed",
    "token",
    "values",
    "nodes",
    "nodes6",
    "BFsd",
    "BFpe",
    "k",
    "sig",
  ],
  ...[
    "seq",
    "salt",
    "cas",
    "samples",
    "num",
    "interval",
    "ping",
    "find_node",
    "get_peers",
    "announce_peer",
    "get",
  ],
  ...["put", "sample_infohashes"],
]

export const targets: ReadonlyArray<Target> = [
  {
    name: "krpc",
    oracle:
      "ids, nodes, peers and tokens of whole and bounded sizes; what is understood survives a round trip",
    covers: ["core/dht/Krpc", "core/dht/Compact.ts"],
    seeds: () => [...Seeds.latin1(...PACKETS), ...Seeds.files(["rqbit"], ".bin", 2_000)],
    mutators: [BencodeGrammar.mutator(KEYS)],
    run: runKrpc,
  },
  {
    name: "dht-saved",
    oracle: "as many nodes as a table has, each where somebody can be; round trip",
    covers: ["core/dht/Saved.ts", "core/dht/Compact.ts"],
    seeds: () =>
      Seeds.latin1(
        `d2:id20:${ID}5:nodes52:${NODE}${NODE}6:nodes60:e`,
        `d2:id20:${ID}5:nodes0:6:nodes638:${ID}${"\x20".repeat(18)}e`,
      ),
    mutators: [BencodeGrammar.mutator(["id", "nodes", "nodes6"])],
    run: runSaved,
  },
  {
    name: "lsd",
    oracle: "a port, torrents named once by good hashes; round trip",
    covers: ["core/lsd/Message.ts", "core/metainfo/InfoHash.ts"],
    seeds: () =>
      Seeds.latin1(
        `BT-SEARCH * HTTP/1.1\r\nHost: 239.192.152.143:6771\r\nPort: 6881\r\nInfohash: ${
          "ab".repeat(20)
        }\r\ncookie: x\r\n\r\n\r\n`,
        `BT-SEARCH * HTTP/1.1\nport:1\ninfohash:${"AB".repeat(20)}\ninfohash:${"cd".repeat(20)}\n`,
      ),
    mutators: [TextGrammar.mutator(/\r?\n/, ["Port: 1", `Infohash: ${"ef".repeat(20)}`, "cookie: y", ""])],
    run: runLsd,
  },
]
