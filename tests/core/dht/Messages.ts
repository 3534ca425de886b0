/** Messages of the DHT for its tests: those of the specifications with their exact packets, and arbitrary ones. */
import * as fc from "effect/FastCheck"
import * as Bytes from "../../../core/base/Bytes.ts"
import * as Compact from "../../../core/dht/Compact.ts"
import type * as KrpcMessage from "../../../core/dht/KrpcMessage.ts"
import { MAX_SEQ } from "../../../core/dht/Limits.ts"

export const latin1 = Bytes.latin1
export const hex = (text: string): Bytes.Bytes => Bytes.fromHex(text.replace(/\s/g, ""))!

const ASKER = latin1("abcdefghij0123456789")
const ANSWERER = latin1("mnopqrstuvwxyz123456")
const FLAGS = { isScrape: false, withoutSeeds: false }

const query = (
  request: KrpcMessage.Request,
  more: Partial<KrpcMessage.Query> = {},
): KrpcMessage.Query => ({
  _tag: "Query",
  transaction: latin1("aa"),
  id: ASKER,
  isReadOnly: false,
  request,
  ...more,
})

const response = (more: Partial<KrpcMessage.Response> = {}): KrpcMessage.Response => ({
  _tag: "Response",
  transaction: latin1("aa"),
  id: ASKER,
  ...more,
})

const K = "k".repeat(32)
const SIG = "s".repeat(64)

/** One table for both directions: packets in canonical order. */
export const VECTORS: ReadonlyArray<readonly [packet: string, message: KrpcMessage.Message]> = [
  // BEP 5, "DHT Queries", and its example of an error.
  ["d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:aa1:y1:qe", query({ _tag: "Ping" })],
  ["d1:rd2:id20:mnopqrstuvwxyz123456e1:t2:aa1:y1:re", response({ id: ANSWERER })],
  [
    "d1:ad2:id20:abcdefghij01234567896:target20:mnopqrstuvwxyz123456e1:q9:find_node1:t2:aa1:y1:qe",
    query({ _tag: "FindNode", target: ANSWERER }),
  ],
  [
    "d1:ad2:id20:abcdefghij01234567899:info_hash20:mnopqrstuvwxyz123456e1:q9:get_peers1:t2:aa1:y1:qe",
    query({ _tag: "GetPeers", infoHash: ANSWERER, ...FLAGS }),
  ],
  [
    "d1:rd2:id20:abcdefghij01234567895:token8:aoeusnth6:valuesl6:axje.u6:idhtnmee1:t2:aa1:y1:re",
    response({ token: latin1("aoeusnth"), values: [latin1("axje.u"), latin1("idhtnm")] }),
  ],
  [
    "d1:ad2:id20:abcdefghij012345678912:implied_porti1e9:info_hash20:mnopqrstuvwxyz123456" +
    "4:porti6881e5:token8:aoeusnthe1:q13:announce_peer1:t2:aa1:y1:qe",
    query({
      _tag: "AnnouncePeer",
      infoHash: ANSWERER,
      port: 6_881,
      isPortImplied: true,
      token: latin1("aoeusnth"),
      isSeed: false,
    }),
  ],
  [
    "d1:eli201e23:A Generic Error Ocurrede1:t2:aa1:y1:ee",
    {
      _tag: "ErrorMessage",
      transaction: latin1("aa"),
      code: 201,
      message: "A Generic Error Ocurred",
    },
  ],
  // BEP 32
  [
    "d1:ad2:id20:abcdefghij01234567896:target20:mnopqrstuvwxyz1234564:wantl2:n42:n6ee" +
    "1:q9:find_node1:t2:aa1:y1:qe",
    query({ _tag: "FindNode", target: ANSWERER, want: { ipv4: true, ipv6: true } }),
  ],
  [
    "d1:rd2:id20:abcdefghij01234567895:nodes26:mnopqrstuvwxyz123456axje.u" +
    "6:nodes638:mnopqrstuvwxyz123456 \x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\x1a\xe1e1:t2:aa1:y1:re",
    response({
      nodes: latin1("mnopqrstuvwxyz123456axje.u"),
      nodes6: latin1("mnopqrstuvwxyz123456 \x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\x1a\xe1"),
    }),
  ],
  // BEP 33
  [
    "d1:ad2:id20:abcdefghij01234567899:info_hash20:mnopqrstuvwxyz123456" +
    "6:noseedi1e6:scrapei1ee1:q9:get_peers1:t2:aa1:y1:qe",
    query({ _tag: "GetPeers", infoHash: ANSWERER, isScrape: true, withoutSeeds: true }),
  ],
  [
    `d1:rd4:BFpe256:${"p".repeat(256)}4:BFsd256:${"s".repeat(256)}2:id20:abcdefghij0123456789e1:t2:aa1:y1:re`,
    response({ peerFilter: latin1("p".repeat(256)), seedFilter: latin1("s".repeat(256)) }),
  ],
  [
    "d1:ad2:id20:abcdefghij01234567899:info_hash20:mnopqrstuvwxyz1234564:porti1e4:seedi1e" +
    "5:token1:te1:q13:announce_peer1:t2:aa1:y1:qe",
    query({
      _tag: "AnnouncePeer",
      infoHash: ANSWERER,
      port: 1,
      isPortImplied: false,
      token: latin1("t"),
      isSeed: true,
    }),
  ],
  // BEP 42 and BEP 5's version
  [
    "d2:ip6:axje.u1:rd2:id20:mnopqrstuvwxyz123456e1:t2:aa1:v4:UT011:y1:re",
    response({ id: ANSWERER, ip: latin1("axje.u"), version: latin1("UT01") }),
  ],
  // BEP 43
  [
    "d1:ad2:id20:abcdefghij0123456789e1:q4:ping2:roi1e1:t2:aa1:y1:qe",
    query({ _tag: "Ping" }, { isReadOnly: true }),
  ],
  // BEP 44
  [
    "d1:ad2:id20:abcdefghij01234567893:seqi7e6:target20:mnopqrstuvwxyz123456e1:q3:get1:t2:aa1:y1:qe",
    query({ _tag: "Get", target: ANSWERER, seq: 7n }),
  ],
  [
    "d1:ad2:id20:abcdefghij01234567895:token1:t1:v12:Hello World!e1:q3:put1:t2:aa1:y1:qe",
    query({ _tag: "Put", token: latin1("t"), value: latin1("12:Hello World!") }),
  ],
  [
    `d1:ad3:casi1e2:id20:abcdefghij01234567891:k32:${K}4:salt6:foobar3:seqi9223372036854775807e` +
    `3:sig64:${SIG}5:token1:t1:vd1:bi1e1:alee` + `e1:q3:put1:t2:aa1:y1:qe`,
    query({
      _tag: "Put",
      token: latin1("t"),
      // Not in canonical order, and still what was signed.
      value: latin1("d1:bi1e1:alee"),
      mutable: {
        publicKey: latin1(K),
        signature: latin1(SIG),
        seq: MAX_SEQ,
        salt: latin1("foobar"),
        cas: 1n,
      },
    }),
  ],
  [
    `d1:rd2:id20:abcdefghij01234567891:k32:${K}3:seqi0e3:sig64:${SIG}5:token1:t1:vlee1:t2:aa1:y1:re`,
    response({
      publicKey: latin1(K),
      seq: 0n,
      signature: latin1(SIG),
      token: latin1("t"),
      value: latin1("le"),
    }),
  ],
  // BEP 51
  [
    "d1:ad2:id20:abcdefghij01234567896:target20:mnopqrstuvwxyz123456e1:q17:sample_infohashes1:t2:aa1:y1:qe",
    query({ _tag: "SampleInfohashes", target: ANSWERER }),
  ],
  [
    "d1:rd2:id20:abcdefghij01234567898:intervali21600e3:numi1000e7:samples0:e1:t2:aa1:y1:re",
    response({ intervalSeconds: 21_600, sampledFrom: 1_000, samples: Bytes.empty }),
  ],
  // A method that nobody knows.
  ["d1:ad2:id20:abcdefghij0123456789e1:q4:vote1:t2:aa1:y1:qe", query({ _tag: "Unknown", method: "vote" })],
]

// Arbitrary messages.

const bytes = (minLength: number, maxLength = minLength): fc.Arbitrary<Uint8Array> =>
  fc.uint8Array({ minLength, maxLength })
const hash = bytes(20)
const seq = fc.bigInt(0n, MAX_SEQ)
const family = fc.constantFrom<Compact.Family>("ipv4", "ipv6")

/** Somebody can be at each of these. */
export const peerOf = (of: Compact.Family): fc.Arbitrary<Uint8Array> =>
  bytes(Compact.peerBytes(of)).filter((peer) => Compact.isUsable(peer, 0, of))
export const peer = family.chain(peerOf)

const nodesOf = (of: Compact.Family): fc.Arbitrary<Uint8Array> =>
  fc.array(fc.tuple(hash, peerOf(of)).map(([id, at]) => Bytes.concat([id, at])), { maxLength: 8 })
    .map(Bytes.concat)

/** Any bencoded value of moderate size. */
const value = fc.letrec<{ value: string }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.bigInt().map((number) => `i${number}e`),
    bytes(0, 20).map((text) => `${text.length}:${Bytes.toLatin1(text)}`),
    fc.array(tie("value"), { maxLength: 3 }).map((items) => `l${items.join("")}e`),
    fc.uniqueArray(fc.tuple(fc.constantFrom("a", "bc", "__proto__", ""), tie("value")), {
      selector: ([key]) => key,
      maxLength: 3,
    })
      .map((entries) => `d${entries.map(([key, item]) => `${key.length}:${key}${item}`).join("")}e`),
  ),
})).value.map(latin1)

const options = <A>(model: { [K in keyof A]: fc.Arbitrary<A[K]> }): fc.Arbitrary<Partial<A>> =>
  fc.record(model, { requiredKeys: [] }) as fc.Arbitrary<Partial<A>>

const want = options<{ want: KrpcMessage.Want }>({
  want: fc.constantFrom(
    { ipv4: true, ipv6: false },
    { ipv4: false, ipv6: true },
    { ipv4: true, ipv6: true },
  ),
})

const tag = <T extends string>(name: T) => ({ _tag: fc.constant(name) })
const merge = <A extends object, B extends object>(a: fc.Arbitrary<A>, b: fc.Arbitrary<B>) =>
  fc.tuple(a, b).map(([x, y]): A & B => ({ ...x, ...y }))

const METHODS = ["ping", "find_node", "get_peers", "announce_peer", "get", "put", "sample_infohashes"]

export const request: fc.Arbitrary<KrpcMessage.Request> = fc.oneof(
  fc.record(tag("Ping")),
  merge(fc.record({ ...tag("FindNode"), target: hash }), want),
  merge(
    fc.record({ ...tag("GetPeers"), infoHash: hash, isScrape: fc.boolean(), withoutSeeds: fc.boolean() }),
    want,
  ),
  fc.record({
    ...tag("AnnouncePeer"),
    infoHash: hash,
    port: fc.integer({ min: 1, max: 65_535 }),
    isPortImplied: fc.boolean(),
    token: bytes(0, 64),
    isSeed: fc.boolean(),
  }),
  merge(fc.record({ ...tag("Get"), target: hash }), merge(want, options({ seq }))),
  merge(
    fc.record({ ...tag("Put"), token: bytes(0, 64), value }),
    options({
      mutable: merge(
        fc.record({ publicKey: bytes(32), signature: bytes(64), seq, salt: bytes(0, 80) }),
        options({ cas: seq }),
      ),
    }),
  ),
  merge(fc.record({ ...tag("SampleInfohashes"), target: hash }), want),
  fc.record({
    ...tag("Unknown"),
    method: bytes(0, 20).map(Bytes.toLatin1).filter((method) => !METHODS.includes(method)),
  }),
)

const common = merge(fc.record({ transaction: bytes(0, 32) }), options({ version: bytes(0, 16) }))
const ip = options({ ip: fc.oneof(bytes(6), bytes(18)) })

export const message: fc.Arbitrary<KrpcMessage.Message> = fc.oneof(
  merge(fc.record({ ...tag("Query"), id: hash, isReadOnly: fc.boolean(), request }), common),
  merge(
    merge(fc.record({ ...tag("Response"), id: hash }), common),
    merge(
      ip,
      options({
        nodes: nodesOf("ipv4"),
        nodes6: nodesOf("ipv6"),
        token: bytes(0, 64),
        values: fc.array(peer, { maxLength: 50 }),
        seedFilter: bytes(256),
        peerFilter: bytes(256),
        value,
        publicKey: bytes(32),
        signature: bytes(64),
        seq,
        samples: fc.integer({ min: 0, max: 5 }).chain((count) => bytes(count * 20)),
        sampledFrom: fc.maxSafeNat(),
        intervalSeconds: fc.integer({ min: 0, max: 21_600 }),
      }),
    ),
  ),
  merge(
    fc.record({
      ...tag("ErrorMessage"),
      code: fc.integer({ min: 0, max: 999 }),
      message: fc.string({ maxLength: 200, unit: fc.constantFrom("a", " ", "é", "€", "😀") }),
    }),
    merge(common, ip),
  ),
)
