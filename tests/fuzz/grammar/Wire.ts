/** A peer's stream as a grammar: a handshake, then messages with their lengths in front. */
import * as Bytes from "../../../core/base/Bytes.ts"
import * as Rng from "../../../core/base/Rng.ts"
import * as Handshake from "../../../core/wire/Handshake.ts"
import * as Message from "../../../core/wire/Message.ts"
import * as Mutate from "../Mutate.ts"
import type { Mutator } from "../Target.ts"

const u32 = (value: number): Bytes.Bytes => Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value)

/** A number as a field of a message: small ones mean something. */
const field = (rng: Rng.Rng): Bytes.Bytes =>
  u32(Rng.below(rng, 3) === 0 ? Mutate.number(rng) : Mutate.pick(rng, [0, 1, 2, 3, 7, 8, 16_384, 32_768]))

/** Any message, its fields plausible or not, its length right or not. */
export const message = (rng: Rng.Rng): Bytes.Bytes => {
  const id = Rng.below(rng, 6) === 0 ? Rng.below(rng, 256) : Mutate.pick(rng, IDS)
  const fields = FIELDS.get(id) ?? 0
  const body: Array<Bytes.Bytes> = [Uint8Array.of(id)]
  for (let i = 0; i < fields; i++) body.push(field(rng))
  if (id === Message.PIECE) body.push(new Uint8Array(Mutate.pick(rng, [0, 1, 100, 1_000, 16_384])))
  if (id === Message.BITFIELD) body.push(Mutate.randomBytes(rng, Rng.below(rng, 4)))
  if (id === Message.PORT) body.push(Mutate.randomBytes(rng, 2))
  if (id === Message.EXTENDED) body.push(extended(rng))
  const whole = Bytes.concat(body)
  const length = Rng.below(rng, 12) === 0 ? Mutate.number(rng) : whole.length
  return Bytes.concat([u32(length), whole])
}

const extended = (rng: Rng.Rng): Bytes.Bytes =>
  Bytes.concat([
    Uint8Array.of(Rng.below(rng, 8)),
    Rng.below(rng, 2) === 0
      ? Bytes.latin1(Mutate.pick(rng, PAYLOADS))
      : Mutate.randomBytes(rng, Rng.below(rng, 40)),
  ])

const IDS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 14, 15, 16, 17, 20, 20, 20]

/** Numbers of 32 bits in each message. */
const FIELDS: ReadonlyMap<number, number> = new Map([
  [Message.HAVE, 1],
  [Message.REQUEST, 3],
  [Message.PIECE, 2],
  [Message.CANCEL, 3],
  [Message.SUGGEST, 1],
  [Message.REJECT, 3],
  [Message.ALLOWED_FAST, 1],
])

/** What extended messages say. */
export const PAYLOADS: ReadonlyArray<string> = [
  "d1:md11:ut_metadatai3e6:ut_pexi1ee13:metadata_sizei1000e1:pi6881e4:reqqi250e1:v5:shoale",
  "d1:md6:ut_pexi1e12:ut_holepunchi4e11:lt_donthavei7e11:upload_onlyi3ee11:upload_onlyi1e6:yourip4:\x01\x02\x03\x04e",
  "d8:msg_typei0e5:piecei0ee",
  "d8:msg_typei1e5:piecei0e10:total_sizei1000ee",
  "d8:msg_typei2e5:piecei0ee",
  "d5:added6:\x01\x02\x03\x04\x1a\xe17:added.f1:\x007:dropped0:e",
  "d6:added618:\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x1a\xe18:added6.f1:\x00e",
  "\x00\x00\x01\x02\x03\x04\x1a\xe1",
  "\x00\x00\x00\x01",
  "\x01",
]

/** Where the messages of a stream stand; the last may be cut off. */
const cut = (stream: Bytes.Bytes): Array<Bytes.Bytes> => {
  const parts: Array<Bytes.Bytes> = []
  let at = stream[0] === 19 ? Handshake.HANDSHAKE_BYTES : 0
  if (at > 0) parts.push(stream.subarray(0, at))
  while (at < stream.length) {
    const length = at + 4 > stream.length
      ? stream.length
      : new DataView(stream.buffer, stream.byteOffset).getUint32(at)
    const end = Math.min(stream.length, at + 4 + length)
    parts.push(stream.subarray(at, end))
    at = end
  }
  return parts
}

/** A mutator of streams: messages are added, dropped, doubled, swapped and taken from others. */
export const mutator: Mutator = (rng, input, other) => {
  const parts = cut(input)
  const at = Rng.below(rng, parts.length + 1)
  switch (Rng.below(rng, 6)) {
    case 0:
      parts.splice(at, 1)
      break
    case 1:
      if (at < parts.length) {
        const copies = Rng.below(rng, 8) === 0 ? Mutate.magnitude(rng, 6) : 1
        parts.splice(at, 0, ...Array.from({ length: copies }, () => parts[at]!))
      }
      break
    case 2: {
      const to = Rng.below(rng, parts.length + 1)
      const [part] = parts.splice(at, 1)
      if (part !== undefined) parts.splice(to, 0, part)
      break
    }
    case 3:
      parts.splice(at, 0, Mutate.pick(rng, [...cut(other), Bytes.empty]))
      break
    default:
      parts.splice(at, Rng.below(rng, 2), message(rng))
  }
  return Bytes.concat(parts)
}
