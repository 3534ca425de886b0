/** A peer's stream, and the payloads of extended messages. */
import * as Bytes from "../../../core/base/Bytes.ts"
import * as Digest from "../../../core/base/Digest.ts"
import * as Rng from "../../../core/base/Rng.ts"
import * as Decoder from "../../../core/wire/Decoder.ts"
import * as Encoder from "../../../core/wire/Encoder.ts"
import * as Extended from "../../../core/wire/Extended.ts"
import * as DontHave from "../../../core/wire/ExtendedDontHave.ts"
import * as Holepunch from "../../../core/wire/ExtendedHolepunch.ts"
import * as ExtendedIds from "../../../core/wire/ExtendedIds.ts"
import * as Metadata from "../../../core/wire/ExtendedMetadata.ts"
import * as Pex from "../../../core/wire/ExtendedPex.ts"
import * as UploadOnly from "../../../core/wire/ExtendedUploadOnly.ts"
import * as Message from "../../../core/wire/Message.ts"
import * as PeerId from "../../../core/wire/PeerId.ts"
import * as BencodeGrammar from "../grammar/Bencode.ts"
import * as WireGrammar from "../grammar/Wire.ts"
import * as Seeds from "../Seeds.ts"
import { claim, type Target } from "../Target.ts"

const MAX_MESSAGE_BYTES = 4_096

/** Everything that is said, with the fragments of a block put together. */
const digestOf = (items: ReadonlyArray<Message.Item>): string => {
  const said: Array<unknown> = []
  let block: Array<Bytes.Bytes> = []
  for (const item of items) {
    if (item._tag !== "Fragment") {
      if (block.length > 0) said.push(Bytes.concat(block))
      block = []
      said.push(item)
      continue
    }
    if (item.offset === 0) {
      if (block.length > 0) said.push(Bytes.concat(block))
      block = []
      said.push(item.piece, item.begin, item.length)
    }
    block.push(item.bytes)
  }
  if (block.length > 0) said.push(Bytes.concat(block))
  return Digest.digest(said)
}

/** What a decoder may keep, given what came in. */
const checkHeld = (decoder: Decoder.Decoder, bytes: number): void => {
  claim(decoder.scratch.length <= 68, "what is kept of a head is a head")
  claim(
    decoder.body.length <= Math.min(MAX_MESSAGE_BYTES, Math.max(1_024, 2 * bytes)),
    "a body grows with what came",
  )
}

const runStream = (input: Bytes.Bytes): void => {
  const whole = Decoder.make({ maxMessageBytes: MAX_MESSAGE_BYTES })
  const items = Decoder.decode(whole, input)
  checkHeld(whole, input.length)
  checkItems(items)
  const expected = digestOf(items)
  for (const seed of [0, input.length + 1, 77]) {
    const rng = Rng.make(seed)
    const decoder = Decoder.make({ maxMessageBytes: MAX_MESSAGE_BYTES })
    const parts: Array<Message.Item> = []
    for (let at = 0; at < input.length;) {
      const end = seed === 0 ? at + 1 : at + 1 + Rng.below(rng, 2 ** Rng.below(rng, 12))
      parts.push(...Decoder.decode(decoder, input.slice(at, end)))
      checkHeld(decoder, Math.min(end, input.length))
      at = end
    }
    claim(digestOf(parts) === expected, "any cut of the same bytes says the same")
    claim(decoder.phase === whole.phase, "and ends in the same phase")
  }
}

const checkItems = (items: ReadonlyArray<Message.Item>): void => {
  items.forEach((item, i) => {
    claim(
      (item._tag === "Handshake") === (i === 0 && item._tag !== "Violation"),
      "a handshake comes first, and once",
    )
    if (item._tag === "Violation") {
      claim(i === items.length - 1, "nothing follows a violation")
      claim(item.reason.length > 0 && /^BEP \d+/.test(item.section), "a violation says which rule")
    }
    if (item._tag === "Fragment") {
      claim(
        item.bytes.length > 0 && item.offset + item.bytes.length <= item.length,
        "a fragment lies in its block",
      )
      claim(item.length <= Message.MAX_BLOCK_BYTES, "a block has an end")
    }
    if (item._tag === "Handshake") {
      claim(/^[^\p{Cc}]+$/u.test(PeerId.clientName(item.peerId)), "a client has a name")
    }
  })
}

/** First byte: which message. */
const runExtended = (input: Bytes.Bytes): void => {
  const payload = input.subarray(1)
  switch ((input[0] ?? 0) % 6) {
    case 0: {
      const hello = Extended.decodeHandshake(payload)
      if (!hello.ok) return
      for (const id of hello.value.messages.values()) claim(id >= 0 && id <= 255, "an id is a byte")
      const ids = ExtendedIds.learn(ExtendedIds.NONE, hello.value.messages)
      claim(Object.keys(ids).length === Object.keys(ExtendedIds.NONE).length, "only what we know is learned")
      claim((hello.value.clientVersion?.length ?? 0) <= 128, "a name has an end")
      const again = Extended.decodeHandshake(Extended.encodeHandshake(hello.value))
      claim(again.ok && digestOfHello(again.value) === digestOfHello(hello.value), "it survives a round trip")
      return
    }
    case 1: {
      const message = Metadata.decode(payload)
      if (!message.ok) return
      const { value } = message
      if (value._tag === "Data") {
        claim(value.bytes.length <= payload.length, "a part is no longer than its message")
        const again = Metadata.decode(Metadata.data(value.part, value.totalBytes, value.bytes))
        claim(again.ok && Digest.digest(again.value) === Digest.digest(value), "it survives a round trip")
      }
      if (value._tag === "Request" || value._tag === "Reject") claim(value.part >= 0, "a part has a number")
      return
    }
    case 2: {
      const message = Pex.decode(payload)
      if (!message.ok) return
      const { added, dropped } = message.value
      claim(added.length <= Pex.MAX_CONTACTS && dropped.length <= Pex.MAX_CONTACTS, "contacts have an end")
      claim(added.length + dropped.length <= payload.length / 6, "each took its bytes")
      const again = Pex.decode(Pex.encode(message.value))
      claim(
        again.ok && Digest.digest(again.value) === Digest.digest(message.value),
        "it survives a round trip",
      )
      return
    }
    case 3: {
      const message = Holepunch.decode(payload)
      if (message === undefined) return
      const again = Holepunch.decode(Holepunch.encode(message))
      claim(Digest.digest(again) === Digest.digest(message), "it survives a round trip")
      return
    }
    case 4: {
      const piece = DontHave.decode(payload)
      claim((piece === undefined) === (payload.length !== 4), "four bytes are a piece")
      if (piece !== undefined) {
        claim(Bytes.equals(DontHave.encode(piece), payload), "it survives a round trip")
      }
      return
    }
    case 5:
      claim((UploadOnly.decode(payload) === undefined) === (payload.length !== 1), "one byte says so")
  }
}

/** The order of `m` means nothing. */
const digestOfHello = (hello: Extended.Handshake): string =>
  Digest.digest({ ...hello, messages: [...hello.messages].sort() })

const stream = (say: (encoder: Encoder.Encoder) => void): Bytes.Bytes => {
  const encoder = Encoder.make()
  Encoder.handshake(encoder, {
    infoHash: Bytes.latin1("aaaaaaaaaabbbbbbbbbb"),
    peerId: Bytes.latin1("-SH0100-cccccccccccc"),
    features: { fast: true, extended: true, dht: true },
  })
  say(encoder)
  return Encoder.take(encoder)
}

const everything = stream((encoder) => {
  Encoder.haveAll(encoder)
  Encoder.bitfield(encoder, Uint8Array.of(0xf0))
  Encoder.unchoke(encoder)
  Encoder.interested(encoder)
  Encoder.have(encoder, 3)
  Encoder.request(encoder, 0, 0, 16_384)
  Encoder.piece(encoder, 0, 0, new Uint8Array(100))
  Encoder.cancel(encoder, 0, 0, 16_384)
  Encoder.port(encoder, 6_881)
  Encoder.suggest(encoder, 1)
  Encoder.reject(encoder, 0, 0, 16_384)
  Encoder.allowedFast(encoder, 2)
  Encoder.keepAlive(encoder)
  Encoder.extended(encoder, 0, Bytes.latin1(WireGrammar.PAYLOADS[0]!))
})

export const targets: ReadonlyArray<Target> = [
  {
    name: "wire",
    oracle:
      "any cut of a stream says the same; memory grows with what came, not with what is claimed; violations end it",
    covers: ["core/wire/Decoder.ts", "core/wire/Fixed.ts", "core/wire/Handshake.ts", "core/wire/PeerId.ts"],
    seeds: () => [
      everything,
      stream((encoder) => Encoder.haveNone(encoder)),
      ...Seeds.archived("peer_conn", 60, 1_000),
      ...Seeds.files(["pcap", "streams"], ".bin", 2_000),
    ],
    mutators: [WireGrammar.mutator],
    run: runStream,
  },
  {
    name: "extended",
    oracle: "what is understood survives a round trip; lists within limits; ids are bytes",
    covers: ["core/wire/Extended"],
    seeds: () =>
      Seeds.latin1(
        ...WireGrammar.PAYLOADS.flatMap((payload) =>
          [0, 1, 2, 3, 4, 5].map((kind) => String.fromCharCode(kind) + payload)
        ),
      ),
    mutators: [
      (rng, input, other) =>
        Bytes.concat([
          input.subarray(0, 1),
          BencodeGrammar.mutator([
            ...[
              "m",
              "v",
              "p",
              "reqq",
              "metadata_size",
              "upload_only",
              "yourip",
              "ut_pex",
              "ut_metadata",
              "lt_donthave",
            ],
            ...[
              "ut_holepunch",
              "msg_type",
              "piece",
              "total_size",
              "added",
              "added.f",
              "added6",
              "dropped",
              "dropped6",
            ],
          ])(rng, input.subarray(1), other.subarray(1)),
        ]),
    ],
    run: runExtended,
  },
]
